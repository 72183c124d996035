// The layout in which a weight is multiplied.
#pragma once

#include "tiles.h"

#if !MATRIX_UNIT && defined(__AVX512BF16__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#define PRODUCT_BY_PAIRS 1
#else
#define PRODUCT_BY_PAIRS 0
#endif

namespace {

constexpr int64_t OUTPUTS = MATRIX_UNIT ? 32 : 48;  // that lie together
constexpr int64_t CHANNELS = MATRIX_UNIT ? 32 : 2;  // of which there is a multiple

inline int64_t packed_channels(int64_t C) { return (C + CHANNELS - 1) / CHANNELS * CHANNELS; }

// A weight `[O, C]`, given by its strides, as `[O / OUTPUTS, C / 2, OUTPUTS, 2]`: for every two channels, the pairs of
// OUTPUTS outputs. C is even; outputs and channels that only fill up the last ones are 0.
inline void pack_weight(bf16 *packed, const bf16 *weight, int64_t O, int64_t C, int64_t output_stride,
                        int64_t channel_stride) {
    int64_t blocks = (O + OUTPUTS - 1) / OUTPUTS, pairs = C / 2, all = packed_channels(C) * OUTPUTS;
#pragma omp parallel for
    for (int64_t block = 0; block < blocks; block++) {
        bf16 *to = packed + block * all, *end = to + all;
        int64_t first = block * OUTPUTS, width = std::min(OUTPUTS, O - first);
        for (int64_t pair = 0; pair < pairs; pair++, to += OUTPUTS * 2) {
            const bf16 *from = weight + first * output_stride + 2 * pair * channel_stride;
            for (int64_t o = 0; o < width; o++, from += output_stride)
                to[2 * o] = from[0], to[2 * o + 1] = from[channel_stride];
            std::fill(to + 2 * width, to + 2 * OUTPUTS, bf16{0});
        }
        std::fill(to, end, bf16{0});
    }
}

}  // namespace
