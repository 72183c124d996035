// Attention's sums over the places of a head by vectors of bfloat16 pairs and, for scores, by the matrix unit.
#pragma once

#include "numbers.h"
#include "tiles.h"

#if defined(__AVX512BF16__) && defined(__AVX512DQ__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include <immintrin.h>
#define PAIRS_OF_CHANNELS 1
#else
#define PAIRS_OF_CHANNELS 0
#endif

namespace {

constexpr int64_t PLACES = 64;  // of a sequence at a time: while they are computed with, as many are on their way
constexpr int MOST_QUERIES = 4;  // rows at a time

// Fetches into the second cache: what goes to the first waits for one of its few buffers for lines under way.
template <typename T> inline void fetch(const T *from, int64_t count) {
    for (int64_t i = 0; i < count; i += LINE / sizeof(T)) __builtin_prefetch(from + i, 0, 2);
}

// A thread's tiles, shaped for scores while this lives: 0 holds the scores of SIDE places, 2 and 3 keys, 4 to 7 queries.
class ScoreTiles {
  public:
    ScoreTiles() {
#if MATRIX_UNIT
        constexpr TileShape whole{SIDE, LINE}, narrow{SIDE, MOST_QUERIES * sizeof(float)};
        if (tiles_allowed()) shape_tiles({narrow, narrow, whole, whole, narrow, narrow, narrow, narrow});
#endif
    }
    ~ScoreTiles() {
#if MATRIX_UNIT
        if (tiles_allowed()) _tile_release();
#endif
    }
    ScoreTiles(const ScoreTiles &) = delete;
};

constexpr int PAIRED = 32;  // channels in a vector

// Whether heads of so many channels are computed with by pairs, and scored by tiles.
constexpr bool has_pairs(int channels) { return PAIRS_OF_CHANNELS && channels > 0 && channels % PAIRED == 0; }
constexpr bool has_tiles(int channels) { return MATRIX_UNIT && channels <= 4 * STEP; }

template <int WIDTH, int R>
void score_pairs(float (&scores)[R][PLACES], const bf16 *query, const bf16 *keys, int64_t places, float scaling,
                 const bf16 *next);
template <int WIDTH, int R>
void score_tiles(float (&scores)[R][PLACES], const bf16 *keys, int64_t places, float scaling, const bf16 *next);
template <int WIDTH, int R> void load_queries(const bf16 *query);
template <int WIDTH, int R>
void gather_pairs(float *sums, const float (&weights)[R][PLACES], const bf16 *values, int64_t places, const bf16 *next);
template <int WIDTH> void write_pairs(bf16 *out, const float *sums, float share);

#if PAIRS_OF_CHANNELS

inline __m512bh pairs_at(const bf16 *from) { return (__m512bh)_mm512_loadu_si512(from); }

// Of four rows of vectors with four numbers in each quarter, the columns of every quarter.
inline void turn_quarters(__m512 (&x)[4]) {
    __m512d low01 = (__m512d)_mm512_unpacklo_ps(x[0], x[1]), high01 = (__m512d)_mm512_unpackhi_ps(x[0], x[1]);
    __m512d low23 = (__m512d)_mm512_unpacklo_ps(x[2], x[3]), high23 = (__m512d)_mm512_unpackhi_ps(x[2], x[3]);
    x[0] = (__m512)_mm512_unpacklo_pd(low01, low23), x[1] = (__m512)_mm512_unpackhi_pd(low01, low23);
    x[2] = (__m512)_mm512_unpacklo_pd(high01, high23), x[3] = (__m512)_mm512_unpackhi_pd(high01, high23);
}

// The sums of the numbers in each of four vectors.
inline __m128 sums_of(__m512 (&x)[4]) {
    turn_quarters(x);
    __m512 four = _mm512_add_ps(_mm512_add_ps(x[0], x[1]), _mm512_add_ps(x[2], x[3]));
    __m256 two = _mm256_add_ps(_mm512_castps512_ps256(four), _mm512_extractf32x8_ps(four, 1));
    return _mm_add_ps(_mm256_castps256_ps128(two), _mm256_extractf128_ps(two, 1));
}

// Scores of `R` query rows and some places by the dot product of pairs, four places at a time, meanwhile fetching those
// that come next.
template <int WIDTH, int R>
void score_pairs(float (&scores)[R][PLACES], const bf16 *query, const bf16 *keys, int64_t places, float scaling,
                 const bf16 *next) {
    constexpr int PARTS = WIDTH / PAIRED;
    __m512bh queries[R][PARTS];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < PARTS; v++) queries[r][v] = pairs_at(query + r * WIDTH + v * PAIRED);
    for (int64_t first = 0; first < places; first += 4) {
        __m512 sums[R][4] = {};
        for (int p = 0; p < 4; p++) {
            const bf16 *key = keys + std::min(first + p, places - 1) * WIDTH;  // the last one instead of none
            fetch(next + (first + p) * WIDTH, WIDTH);
            for (int v = 0; v < PARTS; v++)
                for (int r = 0; r < R; r++)
                    sums[r][p] = _mm512_dpbf16_ps(sums[r][p], queries[r][v], pairs_at(key + v * PAIRED));
        }
        for (int r = 0; r < R; r++)
            _mm_storeu_ps(scores[r] + first, _mm_mul_ps(sums_of(sums[r]), _mm_set1_ps(scaling)));
    }
}

#if MATRIX_UNIT
// The same by tiles, SIDE places at a time, of which there are as many at least. Queries must be loaded.
template <int WIDTH, int R>
void score_tiles(float (&scores)[R][PLACES], const bf16 *keys, int64_t places, float scaling, const bf16 *next) {
    constexpr int64_t STRIDE = WIDTH * sizeof(bf16);
    // Where the places are once quarters have been turned: 0, 4, 8, 12, 1, ..
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    for (int64_t first = 0; first < places; first += SIDE) {
        int64_t at = std::min(first, places - SIDE);  // the last ones may have been scored before
        const bf16 *key = keys + at * WIDTH;
        _tile_zero(0);
        _tile_loadd(2, key, STRIDE);
        _tile_dpbf16ps(0, 2, 4);
        if constexpr (WIDTH > STEP) {
            _tile_loadd(3, key + STEP, STRIDE);
            _tile_dpbf16ps(0, 3, 5);
        }
        if constexpr (WIDTH > 2 * STEP) {
            _tile_loadd(2, key + 2 * STEP, STRIDE);
            _tile_dpbf16ps(0, 2, 6);
        }
        if constexpr (WIDTH > 3 * STEP) {
            _tile_loadd(3, key + 3 * STEP, STRIDE);
            _tile_dpbf16ps(0, 3, 7);
        }
        fetch(next + first * WIDTH, SIDE * WIDTH);
        alignas(LINE) float found[SIDE * MOST_QUERIES];
        _tile_stored(0, found, MOST_QUERIES * sizeof(float));
        __m512 x[4];
        for (int i = 0; i < 4; i++) x[i] = _mm512_load_ps(found + i * SIDE);
        turn_quarters(x);
        for (int r = 0; r < R; r++)
            _mm512_storeu_ps(scores[r] + at, _mm512_permutexvar_ps(order, _mm512_mul_ps(x[r], _mm512_set1_ps(scaling))));
    }
}

// Loads query rows, pair by pair as keys meet them.
template <int WIDTH, int R> void load_queries(const bf16 *query) {
    constexpr int64_t TILE = SIDE * MOST_QUERIES, STRIDE = MOST_QUERIES * sizeof(int32_t);
    alignas(LINE) int32_t pairs[WIDTH / 2 * MOST_QUERIES] = {};
    for (int r = 0; r < R; r++)
        for (int pair = 0; pair < WIDTH / 2; pair++)
            std::memcpy(pairs + pair * MOST_QUERIES + r, query + r * WIDTH + 2 * pair, sizeof(int32_t));
    settle(pairs);
    _tile_loadd(4, pairs, STRIDE);
    if constexpr (WIDTH > STEP) _tile_loadd(5, pairs + TILE, STRIDE);
    if constexpr (WIDTH > 2 * STEP) _tile_loadd(6, pairs + 2 * TILE, STRIDE);
    if constexpr (WIDTH > 3 * STEP) _tile_loadd(7, pairs + 3 * TILE, STRIDE);
}
#endif

// Adds to the sums of `R` rows the values of some places, weighted. Of every PAIRED channels the even ones come first.
template <int WIDTH, int R>
void gather_pairs(float *sums, const float (&weights)[R][PLACES], const bf16 *values, int64_t places,
                  const bf16 *next) {
    constexpr int BLOCK = WIDTH % 64 ? PAIRED : 64, VECTORS = BLOCK / PAIRED;
    const __m512i high = _mm512_set1_epi32(int32_t(0xffff0000));
    for (int64_t first = 0; first < WIDTH; first += BLOCK) {
        __m512 held[R][VECTORS][2];
        for (int r = 0; r < R; r++) std::memcpy(held[r], sums + r * WIDTH + first, sizeof(held[r]));
        const bf16 *value = values + first, *ahead = next + first;
        for (int64_t t = 0; t < places; t++, value += WIDTH, ahead += WIDTH) {
            fetch(ahead, BLOCK);
            for (int v = 0; v < VECTORS; v++) {
                __m512i both = _mm512_loadu_si512(value + v * PAIRED);
                __m512 even = (__m512)_mm512_slli_epi32(both, 16), odd = (__m512)_mm512_and_si512(both, high);
                for (int r = 0; r < R; r++) {
                    __m512 weight = _mm512_set1_ps(weights[r][t]);
                    held[r][v][0] = _mm512_fmadd_ps(weight, even, held[r][v][0]);
                    held[r][v][1] = _mm512_fmadd_ps(weight, odd, held[r][v][1]);
                }
            }
        }
        for (int r = 0; r < R; r++) std::memcpy(sums + r * WIDTH + first, held[r], sizeof(held[r]));
    }
}

// A row of such sums, each multiplied, as bfloat16 numbers in order.
template <int WIDTH> void write_pairs(bf16 *out, const float *sums, float share) {
    for (int64_t first = 0; first < WIDTH; first += PAIRED) {
        auto half = [&](int64_t offset) {
            __m512 wide = _mm512_mul_ps(_mm512_loadu_ps(sums + first + offset), _mm512_set1_ps(share));
            return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(wide));
        };
        __m512i both = _mm512_or_si512(half(0), _mm512_slli_epi32(half(PAIRED / 2), 16));
        _mm512_storeu_si512(out + first, both);
    }
}
#endif

}  // namespace
