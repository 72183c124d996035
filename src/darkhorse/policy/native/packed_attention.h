// Causal attention over sequences packed in one row.
#pragma once

#include <vector>

#include "head_attention.h"
#include "rows.h"

namespace {

// Queries that stand one after another in the row, at [query, query + count). They see the places [shared, shared +
// shared_count) of the row, and those from `own` up to themselves.
struct Piece {
    int64_t query, count, shared, shared_count, own;
};

// Out is `[tokens, K * Q, D]`; tokens that are in no piece keep what is there.
template <typename T>
void attend_packed(T *out, Rows<T> query, Rows<T> key, Rows<T> value, const Piece *pieces, int64_t count, int64_t K,
                   int64_t Q, int64_t D, int64_t window, float scaling) {
#pragma omp parallel if (count * K > 1)
    {
        ScoreTiles tiles;
        std::vector<float> room;
        std::vector<T> queries(Q * D), keys, values;
#pragma omp for schedule(dynamic)
        for (int64_t item = 0; item < count * K; item++) {
            const Piece &piece = pieces[item / K];
            const int64_t head = item % K, before = piece.shared_count + piece.query - piece.own;
            const int64_t places = before + piece.count;
            keys.resize(places * D), values.resize(places * D);
            for (int64_t place = 0; place < places; place++) {  // one after another
                int64_t own = piece.own + place - piece.shared_count;
                int64_t row = place < piece.shared_count ? piece.shared + place : own;
                std::memcpy(keys.data() + place * D, key.at(row, head), D * sizeof(T));
                std::memcpy(values.data() + place * D, value.at(row, head), D * sizeof(T));
            }
            const Memory<T> memory{keys.data(), values.data()};
            for (int64_t i = 0; i < piece.count; i++) {
                int64_t token = piece.query + i, stop = before + i + 1;
                int64_t start = window ? std::max<int64_t>(0, stop - window) : 0;
                for (int64_t r = 0; r < Q; r++)
                    std::memcpy(queries.data() + r * D, query.at(token, head * Q + r), D * sizeof(T));
                T *to = out + (token * K + head) * Q * D;
                attend_head(to, queries.data(), Q, memory, start, stop, D, scaling, memory, room);
            }
        }
    }
}

}  // namespace
