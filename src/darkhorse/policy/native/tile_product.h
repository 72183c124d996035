// Products of bfloat16 rows and a packed weight by the processor's matrix unit (AMX), summed in float32. What a row
// gives is added up in the order of its channels, whatever other rows there are.
#pragma once

#include "packed_weight.h"
#include "tiles.h"

namespace {

constexpr int64_t ROWS = 2 * SIDE;  // at a time: with two tiles of rows and two of outputs, each loaded is used twice
constexpr int64_t PART = 8 * ROWS;  // rows that one thread deals with at a time, which its cache holds
static_assert(OUTPUTS == 2 * SIDE && CHANNELS == STEP, "a block of the packed weight is two tiles wide");

// Tiles 0 to 3 are sums, of the first rows and of those after them; 4 and 5 rows; 6 and 7 outputs.
inline void shape_for_product(int64_t rows) {
    TileShape first{std::min(rows, SIDE), LINE}, second{std::max<int64_t>(rows - SIDE, 1), LINE};
    shape_tiles({first, first, second, second, first, second, {SIDE, LINE}, {SIDE, LINE}});
}

// Adds to the sums what STEP channels give.
template <bool BOTH> inline void add_step(const bf16 *in, int64_t in_stride, const bf16 *packed) {
    constexpr int64_t STRIDE = 2 * OUTPUTS * sizeof(bf16);
    _tile_loadd(6, packed, STRIDE);
    _tile_loadd(7, packed + STEP, STRIDE);
    _tile_loadd(4, in, in_stride * sizeof(bf16));
    if constexpr (BOTH) _tile_loadd(5, in + SIDE * in_stride, in_stride * sizeof(bf16));
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    if constexpr (BOTH) {
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
}

// Sums `[ROWS, OUTPUTS]` of so many rows and one block of outputs; BOTH if there are more than SIDE rows. Meanwhile
// some lines of what comes next are fetched at every step.
template <bool BOTH>
inline void sum_block(float *sums, const bf16 *in, int64_t in_stride, int64_t rows, const bf16 *packed, int64_t C,
                      const char *next, int64_t lines) {
    constexpr int64_t STRIDE = OUTPUTS * sizeof(float);
    _tile_zero(0);
    _tile_zero(1);
    if constexpr (BOTH) {
        _tile_zero(2);
        _tile_zero(3);
    }
    const int64_t whole = C / STEP * STEP, rest = C - whole;
    for (int64_t channel = 0; channel < whole; channel += STEP, packed += STEP * OUTPUTS) {
        add_step<BOTH>(in + channel, in_stride, packed);
        for (int64_t line = 0; line < lines; line++, next += LINE) __builtin_prefetch(next, 0, 2);
    }
    if (rest) {
        alignas(LINE) bf16 filled[ROWS * STEP] = {};
        for (int64_t row = 0; row < rows; row++)
            std::memcpy(filled + row * STEP, in + row * in_stride + whole, rest * sizeof(bf16));
        settle(filled);
        add_step<BOTH>(filled, STEP, packed);
    }
    _tile_stored(0, sums, STRIDE);
    _tile_stored(1, sums + SIDE, STRIDE);
    if constexpr (BOTH) {
        _tile_stored(2, sums + SIDE * OUTPUTS, STRIDE);
        _tile_stored(3, sums + SIDE * OUTPUTS + SIDE, STRIDE);
    }
}

// Sums `[rows, OUTPUTS]` with the bias added, rounded; of a row the first `width`.
inline void round_block(bf16 *out, int64_t out_stride, const float *sums, const bf16 *bias, int64_t rows,
                        int64_t width) {
    for (int64_t half = 0; half < width; half += SIDE) {
        __mmask16 there = __mmask16((1u << std::min(width - half, SIDE)) - 1);
        __m512 added = _mm512_setzero_ps();
        if (bias) {
            __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, bias + half));
            added = _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
        }
        for (int64_t row = 0; row < rows; row++) {
            __m512 sum = _mm512_add_ps(_mm512_load_ps(sums + row * OUTPUTS + half), added);
            _mm256_mask_storeu_epi16(out + row * out_stride + half, there, (__m256i)_mm512_cvtneps_pbh(sum));
        }
    }
}

// `in @ weight.T + bias`, rounded once.
inline void multiply_rows(bf16 *out, const bf16 *in, int64_t in_stride, const bf16 *packed, const bf16 *bias,
                          int64_t rows, int64_t C, int64_t O) {
    int64_t blocks = (O + OUTPUTS - 1) / OUTPUTS, parts = (rows + PART - 1) / PART, size = packed_channels(C) * OUTPUTS;
#pragma omp parallel
    {
        alignas(LINE) float sums[ROWS * OUTPUTS];
        shape_for_product(ROWS);
#pragma omp for collapse(2)
        for (int64_t part = 0; part < parts; part++)
            for (int64_t block = 0; block < blocks; block++) {
                int64_t first = block * OUTPUTS, end = std::min(rows, (part + 1) * PART);
                const bf16 *weight = packed + block * size;
                // Each pass over the weight fetches its share of the next one.
                int64_t passes = (end - part * PART + ROWS - 1) / ROWS, lines = (2 * SIDE + passes - 1) / passes;
                auto next = reinterpret_cast<const char *>(packed + std::min(block + 1, blocks - 1) * size);
                for (int64_t row = part * PART; row < end; row += ROWS) {
                    int64_t count = std::min(ROWS, end - row);
                    if (count < ROWS) shape_for_product(count);
                    auto sum = count > SIDE ? sum_block<true> : sum_block<false>;
                    sum(sums, in + row * in_stride, in_stride, count, weight, C, next, lines);
                    next += lines * (C / STEP) * LINE;
                    if (count < ROWS) shape_for_product(ROWS);
                    round_block(out + row * O + first, O, sums, bias ? bias + first : nullptr, count,
                                std::min(OUTPUTS, O - first));
                }
            }
        _tile_release();
    }
}

}  // namespace
