// Attention of a decoding step over the key-value cache.
#pragma once

#include <vector>

#include "rows.h"

namespace {

constexpr int64_t LINE = 64;    // bytes that come from memory together
constexpr int64_t PIECES = 32;  // of the work, or so: sequences differ in length

// `R` query rows over the places [start, stop) of a head's keys and values, `[.., D]` each. WIDTH is D where that is
// known when this is compiled, else 0. What is read next is fetched meanwhile: values, then the keys at `next`.
template <typename T, int WIDTH, int R>
void attend_rows(T *out, const float *query, const T *keys, const T *values, int64_t start, int64_t stop, int64_t D,
                 const T *next, std::vector<float> &room) {
    constexpr int BLOCK = WIDTH == 0 ? 1 : WIDTH % 32 ? 16 : 32;  // channels whose sums stay in registers
    const int64_t width = WIDTH ? WIDTH : D, places = stop - start;
    room.resize(R * places);
    float *scores = room.data();
    const T *key = keys + start * width, *ahead = values + start * width;
    for (int64_t t = 0; t < places; t++, key += width, ahead += width) {
        for (int64_t d = 0; d < width; d += LINE / sizeof(T)) __builtin_prefetch(ahead + d);
        for (int r = 0; r < R; r++) {
            float dot = 0;
#pragma omp simd reduction(+ : dot)
            for (int64_t d = 0; d < width; d++) dot += query[r * width + d] * widen(key[d]);
            scores[r * places + t] = dot;
        }
    }
    for (int r = 0; r < R; r++) softmax(scores + r * places, 0, places);
    for (int64_t from = 0; from < width; from += BLOCK) {
        float sum[R][BLOCK] = {};
        const T *value = values + start * width + from;
        for (int64_t t = 0; t < places; t++, value += width) {
            __builtin_prefetch(next + t * width + from, 0, 2);
            for (int r = 0; r < R; r++)
#pragma omp simd
                for (int d = 0; d < BLOCK; d++) sum[r][d] += scores[r * places + t] * widen(value[d]);
        }
        for (int r = 0; r < R; r++)
            for (int d = 0; d < BLOCK; d++) out[r * width + from + d] = narrow<T>(sum[r][d]);
    }
}

template <typename T, int WIDTH>
void attend_some(T *out, const float *query, const T *keys, const T *values, int64_t rows, int64_t start, int64_t stop,
                 int64_t D, const T *next, std::vector<float> &room) {
    while (rows > 0) {
        int64_t now = std::min<int64_t>(rows, 4);
        switch (now) {
        case 1: attend_rows<T, WIDTH, 1>(out, query, keys, values, start, stop, D, next, room); break;
        case 2: attend_rows<T, WIDTH, 2>(out, query, keys, values, start, stop, D, next, room); break;
        case 3: attend_rows<T, WIDTH, 3>(out, query, keys, values, start, stop, D, next, room); break;
        default: attend_rows<T, WIDTH, 4>(out, query, keys, values, start, stop, D, next, room);
        }
        rows -= now, out += now * D, query += now * D;
    }
}

// Where the keys and values of a slot lie.
struct Slot {
    int64_t keys, values;               // addresses, of the first layer
    int64_t layer_stride, head_stride;  // elements
    int64_t position;                   // of its first new token
};

// New tokens, W a slot, write their keys and values into the cache, and each attends to its sequence up to itself, or
// to the last `window` places of it. Out is `[slots * W, K * Q, D]`.
template <typename T>
void attend(T *out, Rows<T> query, Rows<T> key, Rows<T> value, const Slot *slots, int64_t count, int64_t W, int64_t K,
            int64_t Q, int64_t D, int64_t layer, int64_t window, float scaling) {
    int64_t places = 0, at_once = std::max<int64_t>(1, count * K / PIECES);
    for (int64_t s = 0; s < count; s++) places += slots[s].position + W;
#pragma omp parallel if (places * K * D > WORTH_THREADS)
    {
        std::vector<float> room, scaled(Q * D);
#pragma omp for schedule(dynamic, at_once)
        for (int64_t item = 0; item < count * K; item++) {
            const Slot &slot = slots[item / K], &after = slots[std::min((item + 1) / K, count - 1)];
            int64_t head = item % K, first = item / K * W, offset = layer * slot.layer_stride + head * slot.head_stride;
            T *keys = reinterpret_cast<T *>(slot.keys) + offset, *values = reinterpret_cast<T *>(slot.values) + offset;
            int64_t next_offset = layer * after.layer_stride + (item + 1) % K * after.head_stride;
            const T *next = reinterpret_cast<T *>(after.keys) + next_offset;
            for (int64_t w = 0; w < W; w++) {
                int64_t at = (slot.position + w) * D;
                std::memcpy(keys + at, key.at(first + w, head), D * sizeof(T));
                std::memcpy(values + at, value.at(first + w, head), D * sizeof(T));
            }
            for (int64_t token = first; token < first + W; token++) {
                int64_t stop = slot.position + token - first + 1;
                int64_t start = window ? std::max<int64_t>(0, stop - window) : 0;
                for (int64_t r = 0; r < Q; r++) {
                    const T *q = query.at(token, head * Q + r);
                    for (int64_t d = 0; d < D; d++) scaled[r * D + d] = widen(q[d]) * scaling;
                }
                T *to = out + (token * K + head) * Q * D;
                switch (D) {
                case 64: attend_some<T, 64>(to, scaled.data(), keys, values, Q, start, stop, D, next, room); break;
                case 80: attend_some<T, 80>(to, scaled.data(), keys, values, Q, start, stop, D, next, room); break;
                case 96: attend_some<T, 96>(to, scaled.data(), keys, values, Q, start, stop, D, next, room); break;
                case 128: attend_some<T, 128>(to, scaled.data(), keys, values, Q, start, stop, D, next, room); break;
                case 256: attend_some<T, 256>(to, scaled.data(), keys, values, Q, start, stop, D, next, room); break;
                default: attend_some<T, 0>(to, scaled.data(), keys, values, Q, start, stop, D, next, room);
                }
            }
        }
    }
}

}  // namespace
