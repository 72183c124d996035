// Causal attention of a sequence's query rows by the matrix unit: scores, weights and what they gather, tile by tile
// (Dao, arXiv:2307.08691). Weights are rounded to bfloat16 before they meet the values.
#pragma once

#include <vector>

#include "head_attention.h"
#include "square.h"
#include "tiles.h"

namespace {

// Whether rows of so many channels are computed with so.
constexpr bool attends_by_tiles(int64_t channels) { return MATRIX_UNIT && (channels == 64 || channels == 128); }

// The places that a query row sees, [start, stop).
struct Seen {
    int32_t start, stop;
};

#if MATRIX_UNIT
// Keys and values of a head, laid out as tiles; places that only fill the last PLACES are 0.
template <int WIDTH> class PlacesAsTiles {
  public:
    static constexpr int64_t TILE = SIDE * STEP;  // bfloat16 numbers

    // Makes room for so many places.
    void clear(int64_t places) {
        const int64_t there = places / PLACES * PLACES * WIDTH, size = (places + PLACES - 1) / PLACES * PLACES * WIDTH;
        for (auto *all : {&keys, &values}) {
            all->resize(size);
            std::memset(all->data() + there, 0, (size - there) * sizeof(bf16));
        }
    }
    // Of the SIDE places from `place` on; `at` says where the key of each of them is.
    template <typename At> void put_keys(int64_t place, At at) {
        for (int64_t channel = 0; channel < WIDTH; channel += STEP) {
            Square square;
            for (int64_t r = 0; r < SIDE; r++) square.rows[r] = _mm512_loadu_si512(at(place + r) + channel);
            square.turn();
            for (int64_t pair = 0; pair < SIDE; pair++)
                _mm512_storeu_si512(keys.data() + place * WIDTH + (channel / 2 + pair) * STEP, square.rows[pair]);
        }
    }
    // Of an even place and of the one after it.
    void put_values(int64_t place, const bf16 *value, const bf16 *after) {
        bf16 *to = values.data() + place / STEP * STEP * WIDTH + place % STEP / 2 * STEP;
        auto wide = [](const bf16 *from) { return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from)); };
        for (int64_t c = 0; c < WIDTH; c += SIDE, to += TILE)
            _mm512_storeu_si512(to, _mm512_or_si512(wide(value + c), _mm512_slli_epi32(wide(after + c), 16)));
    }
    // Channels [STEP * part, ..) of SIDE places: pairs of channels, of every place.
    const bf16 *key_tile(int64_t place, int64_t part) const { return keys.data() + place * WIDTH + part * TILE; }
    // Channels [SIDE * part, ..) of STEP places: pairs of places, of every channel.
    const bf16 *value_tile(int64_t place, int64_t part) const { return values.data() + place * WIDTH + part * TILE; }

  private:
    std::vector<bf16> keys, values;
};

// SIDE query rows, `[SIDE, WIDTH]`, and what of them is computed so far.
template <int WIDTH> struct RowTile {
    alignas(LINE) bf16 query[SIDE * WIDTH];
    alignas(LINE) float scores[SIDE * PLACES], sums[SIDE * WIDTH];
    alignas(LINE) bf16 weights[SIDE * PLACES];
    Seen seen[SIDE];
    float highest[SIDE], total[SIDE];
};

// Scores of PLACES places.
template <int WIDTH> void score_block(RowTile<WIDTH> &rows, const PlacesAsTiles<WIDTH> &places, int64_t from) {
    constexpr int64_t STRIDE = PLACES * sizeof(float);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t part = 0; part < WIDTH / STEP; part++) {
        _tile_loadd(4, rows.query + part * STEP, WIDTH * sizeof(bf16));
        _tile_loadd(5, places.key_tile(from, part), LINE);
        _tile_dpbf16ps(0, 4, 5);
        _tile_loadd(6, places.key_tile(from + SIDE, part), LINE);
        _tile_dpbf16ps(1, 4, 6);
        _tile_loadd(7, places.key_tile(from + 2 * SIDE, part), LINE);
        _tile_dpbf16ps(2, 4, 7);
        _tile_loadd(5, places.key_tile(from + 3 * SIDE, part), LINE);
        _tile_dpbf16ps(3, 4, 5);
    }
    _tile_stored(0, rows.scores, STRIDE);
    _tile_stored(1, rows.scores + SIDE, STRIDE);
    _tile_stored(2, rows.scores + 2 * SIDE, STRIDE);
    _tile_stored(3, rows.scores + 3 * SIDE, STRIDE);
}

// Turns scores into weights relative to the highest so far, and what was gathered before into as many times the same.
template <int WIDTH> void weigh_block(RowTile<WIDTH> &rows, int32_t from, float scaling) {
    for (int64_t r = 0; r < SIDE; r++) {
        float *scores = rows.scores + r * PLACES;
        const int32_t start = std::clamp(rows.seen[r].start - from, 0, int32_t(PLACES));
        const int32_t stop = std::clamp(rows.seen[r].stop - from, start, int32_t(PLACES));
        std::fill(scores, scores + start, -INFINITY);
        std::fill(scores + stop, scores + PLACES, -INFINITY);
        const float most = std::max(rows.highest[r], highest_of(scores, PLACES) * scaling);
        const float base = most == -INFINITY ? 0.0f : most;  // nothing seen yet
#pragma omp simd
        for (int64_t t = 0; t < PLACES; t++) scores[t] = exp_of(scores[t] * scaling - base);
        round_numbers(rows.weights + r * PLACES, scores, PLACES);
        const float kept = exp_of(rows.highest[r] - base);
        rows.total[r] = rows.total[r] * kept + sum_of(scores, PLACES);
        rows.highest[r] = most;
        if (kept != 1.0f)
            for (int64_t d = 0; d < WIDTH; d++) rows.sums[r * WIDTH + d] *= kept;
    }
}

// Adds to SIDE sums, `[SIDE, WIDTH]`, the values of COUNT places from `from` on, as many times as the factors, `[SIDE,
// COUNT]`, say; four tiles of channels at a time.
template <int WIDTH, int64_t COUNT>
void add_products(float *sums, const bf16 *factors, const PlacesAsTiles<WIDTH> &places, int64_t from) {
    constexpr int64_t STRIDE = WIDTH * sizeof(float);
    for (int64_t part = 0; part < WIDTH / SIDE; part += 4, sums += 4 * SIDE) {
        _tile_loadd(0, sums, STRIDE);
        _tile_loadd(1, sums + SIDE, STRIDE);
        _tile_loadd(2, sums + 2 * SIDE, STRIDE);
        _tile_loadd(3, sums + 3 * SIDE, STRIDE);
        for (int64_t step = 0; step < COUNT; step += STEP) {
            _tile_loadd(4, factors + step, COUNT * sizeof(bf16));
            _tile_loadd(5, places.value_tile(from + step, part), LINE);
            _tile_dpbf16ps(0, 4, 5);
            _tile_loadd(6, places.value_tile(from + step, part + 1), LINE);
            _tile_dpbf16ps(1, 4, 6);
            _tile_loadd(7, places.value_tile(from + step, part + 2), LINE);
            _tile_dpbf16ps(2, 4, 7);
            _tile_loadd(5, places.value_tile(from + step, part + 3), LINE);
            _tile_dpbf16ps(3, 4, 5);
        }
        _tile_stored(0, sums, STRIDE);
        _tile_stored(1, sums + SIDE, STRIDE);
        _tile_stored(2, sums + 2 * SIDE, STRIDE);
        _tile_stored(3, sums + 3 * SIDE, STRIDE);
    }
}

// Of the rows whose queries and `seen` are there, over the places; the first `count` of them are written, `[.., WIDTH]`.
// Their highest scores and sums of weights stay in `rows`.
template <int WIDTH>
void attend_tile(bf16 *out, RowTile<WIDTH> &rows, int64_t count, const PlacesAsTiles<WIDTH> &places, float scaling) {
    std::fill(rows.sums, rows.sums + SIDE * WIDTH, 0.0f);
    std::fill(rows.total, rows.total + SIDE, 0.0f);
    std::fill(rows.highest, rows.highest + SIDE, -INFINITY);
    int32_t start = rows.seen[0].start, stop = 0;
    for (const Seen &seen : rows.seen) start = std::min(start, seen.start), stop = std::max(stop, seen.stop);
    for (int64_t from = start / PLACES * PLACES; from < stop; from += PLACES) {
        settle(rows.query);
        score_block(rows, places, from);
        weigh_block(rows, int32_t(from), scaling);
        settle(rows.weights);
        add_products<WIDTH, PLACES>(rows.sums, rows.weights, places, from);
    }
    for (int64_t r = 0; r < count; r++) {
        float share = 1.0f / rows.total[r];
        for (int64_t d = 0; d < WIDTH; d++) out[r * WIDTH + d] = narrow<bf16>(rows.sums[r * WIDTH + d] * share);
    }
}
#endif

}  // namespace
