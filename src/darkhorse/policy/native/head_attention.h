// Attention of the query rows of one key-value head.
#pragma once

#include <type_traits>
#include <vector>

#include "numbers.h"
#include "pair_attention.h"

namespace {

#ifdef __AVX512F__
constexpr int SUMS = 64;  // channels whose sums stay in registers
#else
constexpr int SUMS = 32;
#endif

// Keys and values, `[.., D]` each, of a head.
template <typename T> struct Memory {
    T *keys, *values;

    Memory at(int64_t element) const { return {keys + element, values + element}; }
};

// A head's places, and another's that hold the same in the first `equal` ones, which are read there.
template <typename T> struct Sequence {
    Memory<T> own, other;
    int64_t equal;

    // The places from `from` to before `to`, of D channels.
    Memory<T> at(int64_t from, int64_t to, int64_t D) const { return (to <= equal ? other : own).at(from * D); }
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

// Adds the values of some places, weighted, to the sums of `R` rows, meanwhile fetching those that come next.
template <typename T, int BLOCK, int R>
void gather(float *sums, const float (&weights)[R][PLACES], const T *values, int64_t places, int64_t D, const T *next) {
    for (int64_t first = 0; first < D; first += BLOCK) {
        float held[R][BLOCK];
        for (int r = 0; r < R; r++) std::memcpy(held[r], sums + r * D + first, sizeof(held[r]));
        const T *value = values + first, *ahead = next + first;
        for (int64_t t = 0; t < places; t++, value += D, ahead += D) {
            fetch(ahead, BLOCK);
            for (int r = 0; r < R; r++)
#pragma omp simd
                for (int d = 0; d < BLOCK; d++) held[r][d] += weights[r][t] * widen(value[d]);
        }
        for (int r = 0; r < R; r++) std::memcpy(sums + r * D + first, held[r], sizeof(held[r]));
    }
}

// Turns scores into weights relative to the highest so far, and what was gathered before into as many times the same.
template <int R>
void weigh(float (&scores)[R][PLACES], int64_t places, float *highest, float *total, float *sums, int64_t D) {
    const int64_t filled = (places + FILLED - 1) / FILLED * FILLED;
    for (int r = 0; r < R; r++) {
        std::fill(scores[r] + places, scores[r] + filled, -INFINITY);  // whole vectors
        const float most = std::max(highest[r], highest_of(scores[r], filled));
#pragma omp simd
        for (int64_t t = 0; t < filled; t++) scores[r][t] = exp_of(scores[r][t] - most);
        float kept = exp_of(highest[r] - most);
        total[r] = total[r] * kept + sum_of(scores[r], filled);
        highest[r] = most;
        if (kept != 1.0f)
            for (int64_t d = 0; d < D; d++) sums[r * D + d] *= kept;
    }
}

// Query rows, `[R, D]`, over the places [start, stop) of a sequence, some at a time: what they gather is kept as
// multiples of weights relative to the highest score so far (Milakov and Gimelshein, arXiv:1805.02867). WIDTH is D where
// that is known when this is compiled, else 0. `next` is the head whose turn comes then.
template <typename T, int WIDTH, int R>
void attend_rows(T *out, const T *query, const Sequence<T> &sequence, int64_t start, int64_t stop, int64_t D,
                 float scaling, Memory<T> next, std::vector<float> &room) {
    constexpr bool PAIRS = std::is_same_v<T, bf16> && has_pairs(WIDTH), TILES = PAIRS && has_tiles(WIDTH);
    constexpr int BLOCK = WIDTH == 0 ? 1 : WIDTH % SUMS ? 16 : SUMS;
    const int64_t width = WIDTH ? WIDTH : D, parts = (stop - start + PLACES - 1) / PLACES;
    const bool tiles = TILES && stop - start >= SIDE && tiles_allowed();
    room.resize(2 * R * width);
    alignas(LINE) float scores[R][PLACES];
    float highest[R], total[R] = {}, *scaled = room.data(), *sums = scaled + R * width;
    std::fill(highest, highest + R, -INFINITY);
    std::fill(sums, sums + R * width, 0.0f);
    if constexpr (!PAIRS)
        for (int64_t i = 0; i < R * width; i++) scaled[i] = widen(query[i]) * scaling;
    if constexpr (TILES)
        if (tiles) load_queries<WIDTH, R>(query);
    auto end_of = [&](int64_t part) { return start + (stop - start) * (part + 1) / parts; };
    for (int64_t part = 0, from = start, to; part < parts; part++, from = to) {
        to = end_of(part);
        const int64_t places = to - from;
        const Memory<T> now = sequence.at(from, to, width);
        const Memory<T> then = to < stop ? sequence.at(to, end_of(part + 1), width) : next;
        if constexpr (TILES)
            if (tiles) score_tiles<WIDTH, R>(scores, now.keys, places, scaling, then.keys);
        if constexpr (PAIRS) {
            if (!tiles) score_pairs<WIDTH, R>(scores, query, now.keys, places, scaling, then.keys);
        } else
            score<T, R>(scores, scaled, now.keys, places, width, then.keys);
        weigh<R>(scores, places, highest, total, sums, width);
        if constexpr (PAIRS)
            gather_pairs<WIDTH, R>(sums, scores, now.values, places, then.values);
        else
            gather<T, BLOCK, R>(sums, scores, now.values, places, width, then.values);
    }
    for (int r = 0; r < R; r++) {
        float share = 1.0f / total[r];
        if constexpr (PAIRS)
            write_pairs<WIDTH>(out + r * width, sums + r * width, share);
        else
            for (int64_t d = 0; d < width; d++) out[r * width + d] = narrow<T>(sums[r * width + d] * share);
    }
}

template <typename T, int WIDTH>
void attend_some(T *out, const T *query, int64_t rows, const Sequence<T> &sequence, int64_t start, int64_t stop,
                 int64_t D, float scaling, Memory<T> next, std::vector<float> &room) {
    while (rows > 0) {
        int64_t now = std::min<int64_t>(rows, MOST_QUERIES);
        switch (now) {
        case 1: attend_rows<T, WIDTH, 1>(out, query, sequence, start, stop, D, scaling, next, room); break;
        case 2: attend_rows<T, WIDTH, 2>(out, query, sequence, start, stop, D, scaling, next, room); break;
        case 3: attend_rows<T, WIDTH, 3>(out, query, sequence, start, stop, D, scaling, next, room); break;
        default: attend_rows<T, WIDTH, 4>(out, query, sequence, start, stop, D, scaling, next, room);
        }
        rows -= now, out += now * D, query += now * D;
    }
}

// Any number of query rows, by what is compiled for their width.
template <typename T>
void attend_head(T *out, const T *query, int64_t rows, const Sequence<T> &sequence, int64_t start, int64_t stop,
                 int64_t D, float scaling, Memory<T> next, std::vector<float> &room) {
    auto some = attend_some<T, 0>;
    switch (D) {
    case 64: some = attend_some<T, 64>; break;
    case 80: some = attend_some<T, 80>; break;
    case 96: some = attend_some<T, 96>; break;
    case 128: some = attend_some<T, 128>; break;
    case 256: some = attend_some<T, 256>;
    }
    some(out, query, rows, sequence, start, stop, D, scaling, next, room);
}

}  // namespace
