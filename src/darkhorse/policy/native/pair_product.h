// Products of bfloat16 rows and a packed weight by the processor's dot product of pairs, summed in float32. What a row
// gives is added up in the order of its channels, whatever other rows there are.
#pragma once

#include <immintrin.h>

#include <utility>

#include "packed_weight.h"

namespace {

constexpr int64_t WIDE = 16;                 // sums in a vector
constexpr int64_t VECTORS = OUTPUTS / WIDE;  // of outputs at a time: with 8 rows, 24 sums, which the registers hold
constexpr int64_t MOST_ROWS = 8;             // at a time
constexpr int64_t PART = 4 * MOST_ROWS;      // rows that one thread deals with at a time

inline __m512bh pair_everywhere(const bf16 *pair) {
    int32_t both;
    std::memcpy(&both, pair, 4);
    return (__m512bh)_mm512_set1_epi32(both);
}

// `R` rows and one block of outputs, of which the last may be fewer than a block.
template <int R>
inline void multiply_tile(bf16 *out, int64_t out_stride, const bf16 *in, int64_t in_stride, const bf16 *packed,
                          const bf16 *bias, int64_t pairs, int64_t width) {
    __m512 sums[R][VECTORS];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < VECTORS; v++) sums[r][v] = _mm512_setzero_ps();
    for (int64_t pair = 0; pair < pairs; pair++) {
        __m512bh weights[VECTORS];
        for (int v = 0; v < VECTORS; v++)
            weights[v] = (__m512bh)_mm512_loadu_si512(packed + (pair * OUTPUTS + v * WIDE) * 2);
        for (int r = 0; r < R; r++) {
            __m512bh both = pair_everywhere(in + r * in_stride + 2 * pair);
            for (int v = 0; v < VECTORS; v++) sums[r][v] = _mm512_dpbf16_ps(sums[r][v], both, weights[v]);
        }
    }
    for (int v = 0; v < VECTORS; v++) {
        int64_t left = std::clamp<int64_t>(width - v * WIDE, 0, WIDE);
        __mmask16 there = __mmask16((1u << left) - 1);
        __m512 added = _mm512_setzero_ps();
        if (bias) {
            __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, bias + v * WIDE));
            added = _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
        }
        for (int r = 0; r < R; r++) {
            __m256i narrow = (__m256i)_mm512_cvtneps_pbh(_mm512_add_ps(sums[r][v], added));
            _mm256_mask_storeu_epi16(out + r * out_stride + v * WIDE, there, narrow);
        }
    }
}

// A tile of so many rows, from 1 to as many as there are numbers.
template <int... R, typename... Given>
void multiply_tile_of(int64_t rows, std::integer_sequence<int, R...>, Given... given) {
    (void)((rows == R + 1 && (multiply_tile<R + 1>(given...), true)) || ...);
}

// `in @ weight.T + bias`, rounded once.
inline void multiply_rows(bf16 *out, const bf16 *in, int64_t in_stride, const bf16 *packed, const bf16 *bias,
                          int64_t rows, int64_t C, int64_t O) {
    int64_t blocks = (O + OUTPUTS - 1) / OUTPUTS, pairs = C / 2, parts = (rows + PART - 1) / PART;
#pragma omp parallel for collapse(2)
    for (int64_t block = 0; block < blocks; block++)
        for (int64_t part = 0; part < parts; part++) {
            int64_t first = block * OUTPUTS, row = part * PART, end = std::min(rows, row + PART);
            for (int64_t tiles = (end - row + MOST_ROWS - 1) / MOST_ROWS; tiles; tiles--) {
                int64_t count = (end - row) / tiles;  // as many rows in each
                multiply_tile_of(count, std::make_integer_sequence<int, MOST_ROWS>(), out + row * O + first, O,
                                 in + row * in_stride, in_stride, packed + block * pairs * OUTPUTS * 2,
                                 bias ? bias + first : nullptr, pairs, std::min(OUTPUTS, O - first));
                row += count;
            }
        }
}

}  // namespace
