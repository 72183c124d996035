// Rows turned on their side.
#pragma once

#include "square.h"

namespace {

#if MATRIX_UNIT
// `[C, T]` of `[T, C]`, STEP by STEP of them at a time.
inline void turn_rows(bf16 *out, const bf16 *in, int64_t in_stride, int64_t T, int64_t C) {
    auto first = [](int64_t count) { return __mmask32((uint64_t(1) << std::min(count, STEP)) - 1); };
#pragma omp parallel for collapse(2)
    for (int64_t channel = 0; channel < C; channel += STEP)
        for (int64_t token = 0; token < T; token += STEP) {
            const __mmask32 channels = first(C - channel), tokens = first(T - token);
            Square halves[2];
            for (int64_t r = 0; r < STEP; r++) {
                const bf16 *row = in + std::min(token + r, T - 1) * in_stride + channel;
                halves[r / SIDE].rows[r % SIDE] = _mm512_maskz_loadu_epi16(channels, row);
            }
            halves[0].turn();
            halves[1].turn();
            for (int64_t c = 0; c < std::min(STEP, C - channel); c++) {
                const __m512i one = halves[0].rows[c / 2], other = halves[1].rows[c / 2];
                const __m256i low = c % 2 ? odds_of(one) : evens_of(one), high = c % 2 ? odds_of(other) : evens_of(other);
                const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
                _mm512_mask_storeu_epi16(out + (channel + c) * T + token, tokens, both);
            }
        }
}
#endif

}  // namespace
