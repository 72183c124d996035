// Attention of a decoding step over the key-value cache.
#pragma once

#include <vector>

#include "head_attention.h"
#include "rows.h"

namespace {

constexpr int64_t PIECES = 32;  // of the work, or so: sequences differ in length

// Where keys and values lie.
struct Stored {
    int64_t keys, values;               // addresses, of the first layer
    int64_t layer_stride, head_stride;  // elements
};

// Keys and values of a sequence, and those of one that has the same in its first `equal` places: what several sequences
// read in one place stays near.
struct Slot {
    Stored own, other;
    int64_t equal, position;  // of its first new token
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
        ScoreTiles tiles;
        std::vector<float> room;
        std::vector<T> queries(Q * D);
#pragma omp for schedule(dynamic, at_once)
        for (int64_t item = 0; item < count * K; item++) {
            const Slot &slot = slots[item / K];
            const int64_t head = item % K, first = item / K * W;
            auto memory = [&](const Stored &of, int64_t number) {
                int64_t offset = layer * of.layer_stride + number * of.head_stride;
                return Memory<T>{reinterpret_cast<T *>(of.keys) + offset, reinterpret_cast<T *>(of.values) + offset};
            };
            const Sequence<T> sequence{memory(slot.own, head), memory(slot.other, head), slot.equal};
            const Slot &following = slots[std::min((item + 1) / K, count - 1)];
            const Memory<T> next = memory(following.equal ? following.other : following.own, (item + 1) % K);
            for (int64_t w = 0; w < W; w++) {
                Memory<T> place = sequence.own.at((slot.position + w) * D);
                std::memcpy(place.keys, key.at(first + w, head), D * sizeof(T));
                std::memcpy(place.values, value.at(first + w, head), D * sizeof(T));
            }
            for (int64_t token = first; token < first + W; token++) {
                int64_t stop = slot.position + token - first + 1;
                int64_t start = window ? std::max<int64_t>(0, stop - window) : 0;
                for (int64_t r = 0; r < Q; r++)
                    std::memcpy(queries.data() + r * D, query.at(token, head * Q + r), D * sizeof(T));
                T *to = out + (token * K + head) * Q * D;
                attend_head(to, queries.data(), Q, sequence, start, stop, D, scaling, next, room);
            }
        }
    }
}

}  // namespace
