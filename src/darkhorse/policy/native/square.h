// A square of numbers of 32 bits, to be turned on its side in registers.
#pragma once

#include "tiles.h"

#if MATRIX_UNIT
namespace {

struct Square {
    __m512i rows[SIDE];

    // Columns become rows.
    void turn() {
        __m512i pairs[SIDE], fours[SIDE], eights[SIDE];
        for (int64_t i = 0; i < SIDE; i += 2) {
            pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
            pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
        }
        for (int64_t i = 0; i < SIDE; i += 4)
            for (int64_t half = 0; half < 2; half++) {
                fours[i + 2 * half] = _mm512_unpacklo_epi64(pairs[i + half], pairs[i + 2 + half]);
                fours[i + 2 * half + 1] = _mm512_unpackhi_epi64(pairs[i + half], pairs[i + 2 + half]);
            }
        // now fours[i + c] holds, of rows i to i + 3, columns c, c + 4, c + 8 and c + 12
        for (int64_t i = 0; i < SIDE; i += 8)
            for (int64_t c = 0; c < 4; c++) {
                eights[i + c] = _mm512_shuffle_i32x4(fours[i + c], fours[i + 4 + c], 0x88);
                eights[i + 4 + c] = _mm512_shuffle_i32x4(fours[i + c], fours[i + 4 + c], 0xdd);
            }
        // now eights[i + c] holds, of rows i to i + 7, columns c and c + 8, and eights[i + 4 + c] those 4 further
        for (int64_t c = 0; c < 8; c++) {
            rows[c] = _mm512_shuffle_i32x4(eights[c], eights[8 + c], 0x88);
            rows[8 + c] = _mm512_shuffle_i32x4(eights[c], eights[8 + c], 0xdd);
        }
    }
};

// The numbers at the even places of a vector of pairs, or at the odd ones.
inline __m256i evens_of(__m512i pairs) { return _mm512_cvtepi32_epi16(pairs); }
inline __m256i odds_of(__m512i pairs) { return _mm512_cvtepi32_epi16(_mm512_srli_epi32(pairs, 16)); }

// Rounds a multiple of SIDE numbers.
inline void round_numbers(bf16 *to, const float *from, int64_t count) {
    for (int64_t i = 0; i < count; i += SIDE)
        _mm256_storeu_si256((__m256i *)(to + i), (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(from + i)));
}

}  // namespace
#endif
