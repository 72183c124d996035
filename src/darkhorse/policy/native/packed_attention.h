// Causal attention over sequences packed in one row.
#pragma once

#include <memory>
#include <vector>

#include "head_attention.h"
#include "rows.h"
#include "tile_attention.h"

namespace {

// Queries that stand one after another in the row, at [query, query + count). They see the places [shared, shared +
// shared_count) of the row, and those from `own` up to themselves.
struct Piece {
    int64_t query, count, shared, shared_count, own;
};

// The row of a piece's place, in the order in which its queries see them.
inline int64_t row_of(const Piece &piece, int64_t place) {
    return place < piece.shared_count ? piece.shared + place : piece.own + place - piece.shared_count;
}

// Out is `[tokens, K * Q, D]`; tokens that are in no piece keep what is there.
template <typename T>
void attend_packed_rows(T *out, Rows<T> query, Rows<T> key, Rows<T> value, const Piece *pieces, int64_t count,
                        int64_t K, int64_t Q, int64_t D, int64_t window, float scaling) {
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
                std::memcpy(keys.data() + place * D, key.at(row_of(piece, place), head), D * sizeof(T));
                std::memcpy(values.data() + place * D, value.at(row_of(piece, place), head), D * sizeof(T));
            }
            const Memory<T> memory{keys.data(), values.data()};
            for (int64_t i = 0; i < piece.count; i++) {
                int64_t token = piece.query + i, stop = before + i + 1;
                int64_t start = window ? std::max<int64_t>(0, stop - window) : 0;
                for (int64_t r = 0; r < Q; r++)
                    std::memcpy(queries.data() + r * D, query.at(token, head * Q + r), D * sizeof(T));
                T *to = out + (token * K + head) * Q * D;
                attend_head(to, queries.data(), Q, {memory, memory, 0}, start, stop, D, scaling, memory, room);
            }
        }
    }
}

#if MATRIX_UNIT
// The same by the matrix unit; and, where there is room for them, the logarithms of the sums of weights, `[tokens, K * Q]`.
template <int WIDTH>
void attend_packed_tiles(bf16 *out, float *log_total, Rows<bf16> query, Rows<bf16> key, Rows<bf16> value,
                         const Piece *pieces, int64_t count, int64_t K, int64_t Q, int64_t window, float scaling) {
#pragma omp parallel if (count * K > 1)
    {
        shape_whole_tiles();
        PlacesAsTiles<WIDTH> tiles;
        auto rows = std::make_unique<RowTile<WIDTH>>();
        bf16 gathered[SIDE * WIDTH];
#pragma omp for schedule(dynamic)
        for (int64_t item = 0; item < count * K; item++) {
            const Piece &piece = pieces[item / K];
            const int64_t head = item % K, before = piece.shared_count + piece.query - piece.own;
            const int64_t places = before + piece.count, all = piece.count * Q;
            tiles.clear(places);
            auto row_at = [&](int64_t place) { return row_of(piece, std::min(place, places - 1)); };  // the last for none
            auto key_at = [&](int64_t place) { return key.at(row_at(place), head); };
            auto value_at = [&](int64_t place) { return value.at(row_at(place), head); };
            for (int64_t place = 0; place < places; place += SIDE) tiles.put_keys(place, key_at);
            for (int64_t place = 0; place < places; place += 2)
                tiles.put_values(place, value_at(place), value_at(place + 1));
            for (int64_t first = 0; first < all; first += SIDE) {
                const int64_t now = std::min(SIDE, all - first);
                for (int64_t r = 0; r < SIDE; r++) {
                    int64_t row = first + std::min(r, now - 1), token = row / Q;  // the last one instead of none
                    auto stop = int32_t(before + token + 1);
                    rows->seen[r] = {window ? std::max(0, stop - int32_t(window)) : 0, stop};
                    std::memcpy(rows->query + r * WIDTH, query.at(piece.query + token, head * Q + row % Q),
                                WIDTH * sizeof(bf16));
                }
                attend_tile(gathered, *rows, now, tiles, scaling);
                for (int64_t r = 0; r < now; r++) {
                    int64_t token = piece.query + (first + r) / Q, place = (token * K + head) * Q + (first + r) % Q;
                    std::memcpy(out + place * WIDTH, gathered + r * WIDTH, WIDTH * sizeof(bf16));
                    if (log_total) log_total[place] = rows->highest[r] + std::log(rows->total[r]);
                }
            }
        }
        _tile_release();
    }
}
#endif

template <typename T>
void attend_packed(T *out, Rows<T> query, Rows<T> key, Rows<T> value, const Piece *pieces, int64_t count, int64_t K,
                   int64_t Q, int64_t D, int64_t window, float scaling) {
#if MATRIX_UNIT
    if constexpr (std::is_same_v<T, bf16>)
        if (attends_by_tiles(D) && tiles_allowed()) {
            auto attend = D == 64 ? attend_packed_tiles<64> : attend_packed_tiles<128>;
            return attend(out, nullptr, query, key, value, pieces, count, K, Q, window, scaling);
        }
#endif
    attend_packed_rows(out, query, key, value, pieces, count, K, Q, D, window, scaling);
}

}  // namespace
