// Rows turned on their side.
#pragma once

#include "square.h"

namespace {

#if MATRIX_UNIT
// `[channels, tokens]` of `[tokens, channels]`, at most STEP of each.
inline void turn_step(bf16 *out, int64_t out_stride, const bf16 *in, int64_t in_stride, int64_t tokens,
                      int64_t channels) {
    auto first = [](int64_t count) { return __mmask32((uint64_t(1) << count) - 1); };
    Square halves[2];
    for (int64_t r = 0; r < STEP; r++)
        halves[r / SIDE].rows[r % SIDE] =
            _mm512_maskz_loadu_epi16(first(channels), in + std::min(r, tokens - 1) * in_stride);
    halves[0].turn();
    halves[1].turn();
    for (int64_t c = 0; c < channels; c++) {
        const __m512i one = halves[0].rows[c / 2], other = halves[1].rows[c / 2];
        const __m256i low = c % 2 ? odds_of(one) : evens_of(one), high = c % 2 ? odds_of(other) : evens_of(other);
        const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
        _mm512_mask_storeu_epi16(out + c * out_stride, first(tokens), both);
    }
}

// `[C, T]` of `[T, C]`.
inline void turn_rows(bf16 *out, const bf16 *in, int64_t in_stride, int64_t T, int64_t C) {
#pragma omp parallel for collapse(2)
    for (int64_t channel = 0; channel < C; channel += STEP)
        for (int64_t token = 0; token < T; token += STEP)
            turn_step(out + channel * T + token, T, in + token * in_stride + channel, in_stride,
                      std::min(STEP, T - token), std::min(STEP, C - channel));
}
#endif

}  // namespace
