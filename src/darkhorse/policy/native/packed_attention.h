// Causal attention over sequences packed in one row.
#pragma once

#include <vector>

#include "rows.h"

namespace {

// Queries that stand one after another in the row, at [query, query + count). They see the places [shared, shared +
// shared_count) of the row, and those from `own` up to themselves.
struct Piece {
    int64_t query, count, shared, shared_count, own;
};

constexpr int64_t TILE = 32;  // places, or channels, whose sums stay in registers
constexpr int64_t GROUP = 4;  // rows of queries that share what is read

inline int64_t whole(int64_t count, int64_t unit) { return (count + unit - 1) / unit * unit; }

// sums[GROUP][TILE] = the products of GROUP rows of factors, `stride` apart, with rows [start, stop) of a matrix whose
// rows are `width` apart.
inline void multiply(float sums[GROUP][TILE], const float *factors, int64_t stride, const float *matrix, int64_t width,
                     int64_t start, int64_t stop) {
    float held[GROUP][TILE] = {};
    for (int64_t i = start; i < stop; i++)
        for (int r = 0; r < GROUP; r++)
#pragma omp simd
            for (int t = 0; t < TILE; t++) held[r][t] += factors[r * stride + i] * matrix[i * width + t];
    std::memcpy(sums, held, sizeof(held));
}

// The queries of one piece and one key-value head; out is theirs, `[count, K * Q, D]`, at this head.
template <typename T>
void attend_piece(T *out, Rows<T> query, Rows<T> key, Rows<T> value, const Piece &piece, int64_t head, int64_t K,
                  int64_t Q, int64_t D, int64_t window, float scaling, std::vector<float> &room) {
    int64_t before = piece.shared_count + piece.query - piece.own, places = before + piece.count;
    int64_t rows = whole(piece.count * Q, GROUP), columns = whole(places, TILE), width = whole(D, TILE);
    room.resize(rows * D + D * TILE + rows * columns + places * width);
    float *scaled = room.data(), *tile = scaled + rows * D, *scores = tile + D * TILE, *wide = scores + rows * columns;
    auto row_of = [&](int64_t place) {
        return place < piece.shared_count ? piece.shared + place : piece.own + place - piece.shared_count;
    };
    auto first_of = [&](int64_t row) {  // place that a row of queries sees first
        return window ? std::max<int64_t>(0, before + row / Q + 1 - window) : 0;
    };
    auto stop_of = [&](int64_t row) { return std::min(places, before + row / Q + 1); };
    for (int64_t row = 0; row < piece.count * Q; row++) {
        const T *q = query.at(piece.query + row / Q, head * Q + row % Q);
        for (int64_t d = 0; d < D; d++) scaled[row * D + d] = widen(q[d]) * scaling;
    }
    std::fill(scaled + piece.count * Q * D, scaled + rows * D, 0.0f);
    for (int64_t from = 0; from < places; from += TILE) {
        for (int64_t t = 0; t < std::min(TILE, places - from); t++) {
            const T *k = key.at(row_of(from + t), head), *v = value.at(row_of(from + t), head);
            for (int64_t d = 0; d < D; d++) tile[d * TILE + t] = widen(k[d]);
            for (int64_t d = 0; d < D; d++) wide[(from + t) * width + d] = widen(v[d]);
        }
        for (int64_t row = 0; row < rows; row += GROUP) {
            if (from >= stop_of(row + GROUP - 1) || from + TILE <= first_of(row)) continue;
            float sums[GROUP][TILE];
            multiply(sums, scaled + row * D, D, tile, TILE, 0, D);
            for (int r = 0; r < GROUP; r++) std::memcpy(scores + (row + r) * columns + from, sums[r], sizeof(sums[r]));
        }
    }
    for (int64_t group = 0; group < rows; group += GROUP) {
        int64_t start = first_of(group), stop = stop_of(group + GROUP - 1);
        for (int64_t row = group; row < group + GROUP; row++) {
            int64_t from = first_of(row), to = stop_of(row);
            float *s = scores + row * columns;
            softmax(s, from, to);
            std::fill(s + start, s + from, 0.0f);
            std::fill(s + to, s + stop, 0.0f);
        }
        for (int64_t from = 0; from < D; from += TILE) {
            float sums[GROUP][TILE];
            multiply(sums, scores + group * columns, columns, wide + from, width, start, stop);
            for (int64_t row = group; row < std::min(group + GROUP, piece.count * Q); row++) {
                T *to = out + (row / Q * K * Q + head * Q + row % Q) * D + from;
                for (int64_t d = 0; d < std::min(TILE, D - from); d++) to[d] = narrow<T>(sums[row - group][d]);
            }
        }
    }
}

// Out is `[tokens, K * Q, D]`; tokens that are in no piece keep what is there.
template <typename T>
void attend_packed(T *out, Rows<T> query, Rows<T> key, Rows<T> value, const Piece *pieces, int64_t count, int64_t K,
                   int64_t Q, int64_t D, int64_t window, float scaling) {
#pragma omp parallel if (count * K > 1)
    {
        std::vector<float> room;
#pragma omp for schedule(dynamic)
        for (int64_t item = 0; item < count * K; item++) {
            const Piece &piece = pieces[item / K];
            T *to = out + piece.query * K * Q * D;
            attend_piece(to, query, key, value, piece, item % K, K, Q, D, window, scaling, room);
        }
    }
}

}  // namespace
