// What flows back through the attention of packed sequences, by the matrix unit: scores are computed anew, tile by tile
// (Dao, arXiv:2307.08691). Scores stand by place, not by query, so that what belongs to a query, one number for a whole
// column, is a vector. Weights and what flows into scores are rounded to bfloat16 before they are multiplied.
#pragma once

#include <memory>
#include <vector>

#include "packed_attention.h"
#include "turning.h"

namespace {

#if MATRIX_UNIT
constexpr int64_t COLUMNS = STEP;  // query rows at a time

// Keys and values of a head, as rows and the keys also on their side, and what flows into both, `[places, WIDTH]`.
template <int WIDTH> struct PlaceGradients {
    int64_t size = 0;  // a multiple of PLACES
    std::vector<bf16> keys, values, turned;
    std::vector<float> of_keys, of_values;

    // Makes room for so many places; those that only fill the last PLACES are 0.
    void clear(int64_t places) {
        size = (places + PLACES - 1) / PLACES * PLACES;
        for (auto *rows : {&keys, &values}) {
            rows->resize(size * WIDTH);
            std::fill(rows->begin() + places * WIDTH, rows->end(), bf16{0});
        }
        turned.resize(size * WIDTH);
        of_keys.assign(size * WIDTH, 0.0f);
        of_values.assign(size * WIDTH, 0.0f);
    }
    void put(int64_t place, const bf16 *key, const bf16 *value) {
        std::memcpy(keys.data() + place * WIDTH, key, WIDTH * sizeof(bf16));
        std::memcpy(values.data() + place * WIDTH, value, WIDTH * sizeof(bf16));
    }
    void turn_keys() {
        for (int64_t place = 0; place < size; place += STEP)
            for (int64_t channel = 0; channel < WIDTH; channel += STEP)
                turn_step(turned.data() + channel * size + place, size, keys.data() + place * WIDTH + channel, WIDTH,
                          STEP, STEP);
    }
};

// COLUMNS query rows, what flows into what they gathered, and of PLACES places `[place, column]`: scores, which become
// weights, and what flows into the weights, which becomes what flows into the scores.
template <int WIDTH> struct ColumnTile {
    PlacesAsTiles<WIDTH> query, grad;
    PlacesAsTiles<COLUMNS> by_places;  // what flows into the scores, by pairs of places
    alignas(LINE) float scores[PLACES * COLUMNS], into_weights[PLACES * COLUMNS], of_query[WIDTH * COLUMNS];
    alignas(LINE) bf16 weights[PLACES * COLUMNS], into_scores[PLACES * COLUMNS];
    alignas(LINE) float log_total[COLUMNS], inner[COLUMNS];  // `inner`: the product of `grad` and what was gathered
    alignas(LINE) int32_t start[COLUMNS], stop[COLUMNS];     // the places seen
};

// Products of PLACES keys and values with the columns.
template <int WIDTH>
void score_columns(ColumnTile<WIDTH> &columns, const PlaceGradients<WIDTH> &places, int64_t from) {
    constexpr int64_t STRIDE = COLUMNS * sizeof(float), ROW = WIDTH * sizeof(bf16);
    for (int64_t place = 0; place < PLACES; place += SIDE) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        for (int64_t part = 0; part < WIDTH / STEP; part++) {
            const int64_t at = (from + place) * WIDTH + part * STEP;
            _tile_loadd(4, places.keys.data() + at, ROW);
            _tile_loadd(6, columns.query.key_tile(0, part), LINE);
            _tile_dpbf16ps(0, 4, 6);
            _tile_loadd(7, columns.query.key_tile(SIDE, part), LINE);
            _tile_dpbf16ps(1, 4, 7);
            _tile_loadd(5, places.values.data() + at, ROW);
            _tile_loadd(6, columns.grad.key_tile(0, part), LINE);
            _tile_dpbf16ps(2, 5, 6);
            _tile_loadd(7, columns.grad.key_tile(SIDE, part), LINE);
            _tile_dpbf16ps(3, 5, 7);
        }
        _tile_stored(0, columns.scores + place * COLUMNS, STRIDE);
        _tile_stored(1, columns.scores + place * COLUMNS + SIDE, STRIDE);
        _tile_stored(2, columns.into_weights + place * COLUMNS, STRIDE);
        _tile_stored(3, columns.into_weights + place * COLUMNS + SIDE, STRIDE);
    }
}

// d weight / d score is weight * (1 where both are of the same place, else 0, - the other's weight).
template <int WIDTH> void weigh_columns(ColumnTile<WIDTH> &columns, int32_t from, float scaling) {
    for (int32_t t = 0; t < PLACES; t++) {
        float *scores = columns.scores + t * COLUMNS, *into_weights = columns.into_weights + t * COLUMNS;
        bf16 *into_scores = columns.into_scores + t * COLUMNS;
        const int32_t place = from + t;
#pragma omp simd
        for (int64_t c = 0; c < COLUMNS; c++) {
            float weight = exp_of(scores[c] * scaling - columns.log_total[c]);
            weight = place >= columns.start[c] && place < columns.stop[c] ? weight : 0.0f;
            scores[c] = weight;
            into_weights[c] = weight * (into_weights[c] - columns.inner[c]) * scaling;
        }
        round_numbers(columns.weights + t * COLUMNS, scores, COLUMNS);
        round_numbers(into_scores, into_weights, COLUMNS);
        if (t % 2) columns.by_places.put_values(t - 1, into_scores - COLUMNS, into_scores);
    }
}

// Adds to the sums of PLACES places the columns' rows, each as many times as a factor says.
template <int WIDTH> void add_to_places(float *sums, const bf16 *factors, const PlacesAsTiles<WIDTH> &rows) {
    for (int64_t place = 0; place < PLACES; place += SIDE)
        add_products<WIDTH, COLUMNS>(sums + place * WIDTH, factors + place * COLUMNS, rows, 0);
}

// Adds what flows into the queries, `[WIDTH, COLUMNS]`, from PLACES scores.
template <int WIDTH>
void add_to_queries(ColumnTile<WIDTH> &columns, const PlaceGradients<WIDTH> &places, int64_t from) {
    constexpr int64_t STRIDE = COLUMNS * sizeof(float);
    for (int64_t d = 0; d < WIDTH; d += 2 * SIDE) {
        float *first = columns.of_query + d * COLUMNS, *second = first + SIDE * COLUMNS;
        const bf16 *keys = places.turned.data() + d * places.size + from;
        _tile_loadd(0, first, STRIDE);
        _tile_loadd(1, first + SIDE, STRIDE);
        _tile_loadd(2, second, STRIDE);
        _tile_loadd(3, second + SIDE, STRIDE);
        for (int64_t step = 0; step < PLACES; step += STEP) {
            _tile_loadd(4, keys + step, places.size * sizeof(bf16));
            _tile_loadd(6, columns.by_places.value_tile(step, 0), LINE);
            _tile_dpbf16ps(0, 4, 6);
            _tile_loadd(7, columns.by_places.value_tile(step, 1), LINE);
            _tile_dpbf16ps(1, 4, 7);
            _tile_loadd(5, keys + SIDE * places.size + step, places.size * sizeof(bf16));
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
        _tile_stored(0, first, STRIDE);
        _tile_stored(1, first + SIDE, STRIDE);
        _tile_stored(2, second, STRIDE);
        _tile_stored(3, second + SIDE, STRIDE);
    }
}

// Of the columns whose queries and numbers are there: adds to what flows into the places, and puts what flows into the
// queries in the columns.
template <int WIDTH> void gradients_of_columns(ColumnTile<WIDTH> &columns, PlaceGradients<WIDTH> &places, float scaling) {
    std::fill(columns.of_query, columns.of_query + WIDTH * COLUMNS, 0.0f);
    int32_t start = *std::min_element(columns.start, columns.start + COLUMNS);
    int32_t stop = *std::max_element(columns.stop, columns.stop + COLUMNS);
    for (int64_t from = start / PLACES * PLACES; from < stop; from += PLACES) {
        settle(&columns);
        score_columns(columns, places, from);
        settle(&columns);
        weigh_columns(columns, int32_t(from), scaling);
        settle(&columns);
        add_to_places(places.of_values.data() + from * WIDTH, columns.weights, columns.grad);
        add_to_places(places.of_keys.data() + from * WIDTH, columns.into_scores, columns.query);
        add_to_queries(columns, places, from);
    }
    settle(&columns);
}

// What the forward pass of `T` tokens was given and gave: `out` is `[T, K * Q, WIDTH]`, `log_total` `[T, K * Q]`.
struct AttentionDone {
    Rows<bf16> query, key, value, grad;
    const bf16 *out;
    const float *log_total;
    int64_t K, Q, window;
    float scaling;

    // Where a query row of a sequence's head stands in what goes by token and head.
    int64_t place(const Piece &sequence, int64_t head, int64_t row) const {
        return ((sequence.query + row / Q) * K + head) * Q + row % Q;
    }
};

// What flows back, `[tokens, heads, WIDTH]` each.
struct AttentionGradients {
    bf16 *query, *key, *value;
};

// Fills the columns with `now` query rows of a sequence's head, of which `first` come before.
template <int WIDTH>
void fill_columns(ColumnTile<WIDTH> &columns, const AttentionDone &done, const Piece &sequence, int64_t head,
                  int64_t first, int64_t now) {
    auto at = [&](Rows<bf16> rows, int64_t c) {
        int64_t row = first + std::min(c, now - 1);  // the last one instead of none
        return rows.at(sequence.query + row / done.Q, head * done.Q + row % done.Q);
    };
    auto query_at = [&](int64_t c) { return at(done.query, c); };
    auto grad_at = [&](int64_t c) { return at(done.grad, c); };
    for (int64_t c = 0; c < COLUMNS; c += SIDE) {
        columns.query.put_keys(c, query_at);
        columns.grad.put_keys(c, grad_at);
    }
    for (int64_t c = 0; c < COLUMNS; c += 2) {
        columns.query.put_values(c, query_at(c), query_at(c + 1));
        columns.grad.put_values(c, grad_at(c), grad_at(c + 1));
    }
    for (int64_t c = 0; c < COLUMNS; c++) {
        const int64_t row = first + std::min(c, now - 1), place = done.place(sequence, head, row);
        const bf16 *grad = grad_at(c), *out = done.out + place * WIDTH;
        float inner = 0;
#pragma omp simd reduction(+ : inner)
        for (int64_t d = 0; d < WIDTH; d++) inner += widen(grad[d]) * widen(out[d]);
        columns.inner[c] = inner, columns.log_total[c] = done.log_total[place];
        auto stop = int32_t(sequence.shared_count + row / done.Q + 1);
        columns.start[c] = done.window ? std::max(0, stop - int32_t(done.window)) : 0;
        columns.stop[c] = c < now ? stop : 0;
    }
}

// What flows back through one head of a sequence; what flows into places that other sequences share goes to `shared`,
// keys and values, `[2, shared_count, WIDTH]`.
template <int WIDTH>
void sequence_gradients(const AttentionGradients &into, float *shared, const AttentionDone &done, const Piece &sequence,
                        int64_t head, PlaceGradients<WIDTH> &places, ColumnTile<WIDTH> &columns) {
    const int64_t count = sequence.shared_count + sequence.count, all = sequence.count * done.Q;
    places.clear(count);
    for (int64_t place = 0; place < count; place++) {
        int64_t row = row_of(sequence, place);
        places.put(place, done.key.at(row, head), done.value.at(row, head));
    }
    places.turn_keys();
    for (int64_t first = 0; first < all; first += COLUMNS) {
        const int64_t now = std::min(COLUMNS, all - first);
        fill_columns(columns, done, sequence, head, first, now);
        gradients_of_columns(columns, places, done.scaling);
        for (int64_t c = 0; c < now; c += SIDE)
            for (int64_t channel = 0; channel < WIDTH; channel += SIDE) {
                Square square;
                for (int64_t d = 0; d < SIDE; d++)
                    square.rows[d] = _mm512_load_si512(columns.of_query + (channel + d) * COLUMNS + c);
                square.turn();
                for (int64_t i = 0; i < std::min(SIDE, now - c); i++) {
                    bf16 *to = into.query + done.place(sequence, head, first + c + i) * WIDTH + channel;
                    _mm256_storeu_si256((__m256i *)to, (__m256i)_mm512_cvtneps_pbh(_mm512_castsi512_ps(square.rows[i])));
                }
            }
    }
    const int64_t numbers = sequence.shared_count * WIDTH;
    std::copy_n(places.of_keys.data(), numbers, shared);
    std::copy_n(places.of_values.data(), numbers, shared + numbers);
    for (int64_t i = 0; i < sequence.count; i++) {
        const int64_t to = ((sequence.own + i) * done.K + head) * WIDTH, from = numbers + i * WIDTH;
        round_numbers(into.key + to, places.of_keys.data() + from, WIDTH);
        round_numbers(into.value + to, places.of_values.data() + from, WIDTH);
    }
}

// What flows back through sequences, each of which is one piece. Sequences that share places follow one another, after
// the one to which the places belong.
template <int WIDTH>
void packed_gradients(const AttentionGradients &into, const AttentionDone &done, const Piece *sequences, int64_t count) {
    const int64_t K = done.K;
    std::vector<int64_t> offsets(count + 1);
    for (int64_t s = 0; s < count; s++) offsets[s + 1] = offsets[s] + sequences[s].shared_count * 2 * WIDTH;
    std::unique_ptr<float[]> shared(new float[offsets[count] * K]);
#pragma omp parallel
    {
        shape_whole_tiles();
        PlaceGradients<WIDTH> places;
        auto columns = std::make_unique<ColumnTile<WIDTH>>();
        columns->by_places.clear(PLACES);
        columns->query.clear(COLUMNS);
        columns->grad.clear(COLUMNS);
#pragma omp for schedule(dynamic)
        for (int64_t item = 0; item < count * K; item++) {
            int64_t s = item / K, head = item % K;
            float *to = shared.get() + offsets[s] * K + head * (offsets[s + 1] - offsets[s]);
            sequence_gradients(into, to, done, sequences[s], head, places, *columns);
        }
        for (int64_t first = 0, end; first < count; first = end) {
            const Piece &sequence = sequences[first];
            auto alike = [&](const Piece &other) {
                return other.shared == sequence.shared && other.shared_count == sequence.shared_count;
            };
            for (end = first + 1; end < count && alike(sequences[end]); end++) {}
            const int64_t size = sequence.shared_count * 2 * WIDTH, half = size / 2;
#pragma omp for nowait
            for (int64_t item = 0; item < sequence.shared_count * K; item++) {
                const int64_t place = item / K, head = item % K, to = ((sequence.shared + place) * K + head) * WIDTH;
                const float *from = shared.get() + offsets[first] * K + head * size + place * WIDTH;
                for (int64_t d = 0; d < WIDTH; d++) {
                    float key = widen(into.key[to + d]), value = widen(into.value[to + d]);
                    for (int64_t s = 0; s < end - first; s++)
                        key += from[s * K * size + d], value += from[s * K * size + half + d];
                    into.key[to + d] = narrow<bf16>(key), into.value[to + d] = narrow<bf16>(value);
                }
            }
        }
        _tile_release();
    }
}
#endif

}  // namespace
