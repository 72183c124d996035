// Attention of the query rows of one key-value head.
#pragma once

#include <type_traits>
#include <vector>

#include "numbers.h"

#if defined(__AVX512BF16__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#include <immintrin.h>
#define DOT_PRODUCTS 1
#else
#define DOT_PRODUCTS 0
#endif

namespace {

#ifdef __AVX512F__
constexpr int SUMS = 64;  // channels whose sums stay in registers
#else
constexpr int SUMS = 32;
#endif

constexpr int64_t LINE = 64;    // bytes that come from memory together
constexpr int64_t PLACES = 64;  // of a sequence at a time: while they are computed with, as many are on their way

// Fetches into the second cache: what goes to the first waits for one of its few buffers for lines under way.
template <typename T> inline void fetch(const T *from, int64_t count) {
    for (int64_t i = 0; i < count; i += LINE / sizeof(T)) __builtin_prefetch(from + i, 0, 2);
}

// Keys and values, `[.., D]` each, of a head.
template <typename T> struct Memory {
    T *keys, *values;

    Memory at(int64_t element) const { return {keys + element, values + element}; }
};

// Scores of `R` query rows and some places, one by one, meanwhile fetching those that come next.
template <typename T, int R>
void score(float (&scores)[R][PLACES], const float *scaled, const T *keys, int64_t places, int64_t D, const T *next) {
    for (int64_t t = 0; t < places; t++, keys += D, next += D) {
        fetch(next, D);
        for (int r = 0; r < R; r++) {
            float dot = 0;
#pragma omp simd reduction(+ : dot)
            for (int64_t d = 0; d < D; d++) dot += scaled[r * D + d] * widen(keys[d]);
            scores[r][t] = dot;
        }
    }
}

#if DOT_PRODUCTS
inline __m512bh pairs_at(const bf16 *from) { return (__m512bh)_mm512_loadu_si512(from); }

// The sums of the numbers in each of four vectors.
inline __m128 sums_of(const __m512 (&x)[4]) {
    __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(x[0], x[1]), _mm512_unpackhi_ps(x[0], x[1]));
    __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(x[2], x[3]), _mm512_unpackhi_ps(x[2], x[3]));
    __m512d low = _mm512_unpacklo_pd((__m512d)ab, (__m512d)cd), high = _mm512_unpackhi_pd((__m512d)ab, (__m512d)cd);
    __m512 four = _mm512_add_ps((__m512)low, (__m512)high);
    __m256 two = _mm256_add_ps(_mm512_castps512_ps256(four), _mm512_extractf32x8_ps(four, 1));
    return _mm_add_ps(_mm256_castps256_ps128(two), _mm256_extractf128_ps(two, 1));
}

// The same by the processor's dot product of pairs, four places at a time, of heads that are whole vectors.
template <int WIDTH, int R>
void score_pairs(float (&scores)[R][PLACES], const bf16 *query, const bf16 *keys, int64_t places, float scaling,
                 const bf16 *next) {
    constexpr int PAIRS = 32, PARTS = WIDTH / PAIRS;
    __m512bh queries[R][PARTS];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < PARTS; v++) queries[r][v] = pairs_at(query + r * WIDTH + v * PAIRS);
    for (int64_t first = 0; first < places; first += 4) {
        __m512 sums[R][4] = {};
        for (int p = 0; p < 4; p++) {
            const bf16 *key = keys + std::min(first + p, places - 1) * WIDTH;  // the last one instead of none
            fetch(next + (first + p) * WIDTH, WIDTH);
            for (int v = 0; v < PARTS; v++)
                for (int r = 0; r < R; r++)
                    sums[r][p] = _mm512_dpbf16_ps(sums[r][p], queries[r][v], pairs_at(key + v * PAIRS));
        }
        for (int r = 0; r < R; r++)
            _mm_storeu_ps(scores[r] + first, _mm_mul_ps(sums_of(sums[r]), _mm_set1_ps(scaling)));
    }
}
#else
template <int WIDTH, int R>
void score_pairs(float (&)[R][PLACES], const bf16 *, const bf16 *, int64_t, float, const bf16 *) {}
#endif

// Query rows, `[R, D]`, over the places [start, stop) of a head, some at a time: what they gather is kept as multiples
// of weights relative to the highest score so far (Milakov and Gimelshein, arXiv:1805.02867). WIDTH is D where that is
// known when this is compiled, else 0. `next` is the head whose turn comes then.
template <typename T, int WIDTH, int R>
void attend_rows(T *out, const T *query, Memory<T> head, int64_t start, int64_t stop, int64_t D, float scaling,
                 Memory<T> next, std::vector<float> &room) {
    constexpr bool PAIRS = DOT_PRODUCTS && std::is_same_v<T, bf16> && WIDTH != 0 && WIDTH % 32 == 0;
    constexpr int BLOCK = WIDTH == 0 ? 1 : WIDTH % SUMS ? 16 : SUMS;
    const int64_t width = WIDTH ? WIDTH : D, parts = (stop - start + PLACES - 1) / PLACES;
    room.resize(2 * R * width);
    float scores[R][PLACES], highest[R], total[R] = {}, *scaled = room.data(), *sums = scaled + R * width;
    std::fill(highest, highest + R, -INFINITY);
    std::fill(sums, sums + R * width, 0.0f);
    if constexpr (!PAIRS)
        for (int64_t i = 0; i < R * width; i++) scaled[i] = widen(query[i]) * scaling;
    for (int64_t part = 0, from = start, to; part < parts; part++, from = to) {
        to = start + (stop - start) * (part + 1) / parts;
        const int64_t places = to - from;
        const Memory<T> now = head.at(from * width), then = to < stop ? head.at(to * width) : next;
        if constexpr (PAIRS)
            score_pairs<WIDTH, R>(scores, query, now.keys, places, scaling, then.keys);
        else
            score<T, R>(scores, scaled, now.keys, places, width, then.keys);
        for (int r = 0; r < R; r++) {
            float most = highest[r], sum = 0;
#pragma omp simd reduction(max : most)
            for (int64_t t = 0; t < places; t++) most = std::max(most, scores[r][t]);
#pragma omp simd reduction(+ : sum)
            for (int64_t t = 0; t < places; t++) sum += scores[r][t] = exp_of(scores[r][t] - most);
            float kept = exp_of(highest[r] - most);
            total[r] = total[r] * kept + sum;
            highest[r] = most;
            if (kept != 1.0f)
                for (int64_t d = 0; d < width; d++) sums[r * width + d] *= kept;
        }
        for (int64_t first = 0; first < width; first += BLOCK) {
            float held[R][BLOCK];
            for (int r = 0; r < R; r++) std::memcpy(held[r], sums + r * width + first, sizeof(held[r]));
            const T *value = now.values + first, *ahead = then.values + first;
            for (int64_t t = 0; t < places; t++, value += width, ahead += width) {
                fetch(ahead, BLOCK);
                for (int r = 0; r < R; r++)
#pragma omp simd
                    for (int d = 0; d < BLOCK; d++) held[r][d] += scores[r][t] * widen(value[d]);
            }
            for (int r = 0; r < R; r++) std::memcpy(sums + r * width + first, held[r], sizeof(held[r]));
        }
    }
    for (int r = 0; r < R; r++) {
        float share = 1.0f / total[r];
        for (int64_t d = 0; d < width; d++) out[r * width + d] = narrow<T>(sums[r * width + d] * share);
    }
}

template <typename T, int WIDTH>
void attend_some(T *out, const T *query, int64_t rows, Memory<T> head, int64_t start, int64_t stop, int64_t D,
                 float scaling, Memory<T> next, std::vector<float> &room) {
    while (rows > 0) {
        int64_t now = std::min<int64_t>(rows, 4);
        switch (now) {
        case 1: attend_rows<T, WIDTH, 1>(out, query, head, start, stop, D, scaling, next, room); break;
        case 2: attend_rows<T, WIDTH, 2>(out, query, head, start, stop, D, scaling, next, room); break;
        case 3: attend_rows<T, WIDTH, 3>(out, query, head, start, stop, D, scaling, next, room); break;
        default: attend_rows<T, WIDTH, 4>(out, query, head, start, stop, D, scaling, next, room);
        }
        rows -= now, out += now * D, query += now * D;
    }
}

// Any number of query rows, by what is compiled for their width.
template <typename T>
void attend_head(T *out, const T *query, int64_t rows, Memory<T> head, int64_t start, int64_t stop, int64_t D,
                 float scaling, Memory<T> next, std::vector<float> &room) {
    auto some = attend_some<T, 0>;
    switch (D) {
    case 64: some = attend_some<T, 64>; break;
    case 80: some = attend_some<T, 80>; break;
    case 96: some = attend_some<T, 96>; break;
    case 128: some = attend_some<T, 128>; break;
    case 256: some = attend_some<T, 256>;
    }
    some(out, query, rows, head, start, stop, D, scaling, next, room);
}

}  // namespace
