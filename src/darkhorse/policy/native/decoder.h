// Decoder layers, as sampling computes them.
#pragma once

#include <vector>

#include "cache_attention.h"
#include "gate.h"
#include "norm.h"
#include "packed_attention.h"
#include "product.h"
#include "rotary.h"
#include "sum.h"

namespace {

// A packed weight and its bias, 0 where it has none.
struct Linear {
    const bf16 *weight, *bias;
};

// Norm, attention, norm, gated product. Norms of queries and keys are 0 where there are none.
struct DecoderLayer {
    const bf16 *attention_norm, *query_norm, *key_norm, *gate_norm;
    Linear query_key_value, attended, gate_up, down;
    int64_t C, inner;        // channels of the layer, and between gate and down
    int64_t K, Q, D;         // key-value heads, query heads of each, channels of a head
    int64_t number, window;  // of the layer in the cache; 0 for full attention
    double eps, scaling;
    int64_t plus_one;
};

// Room for intermediate rows, handed out in pieces; a thread keeps its own from one layer to the next.
class Room {
  public:
    Room(int64_t elements, int64_t pieces) {
        static thread_local std::vector<bf16> memory;
        elements += (pieces + 1) * ALIGNED;
        if (int64_t(memory.size()) < elements) memory.resize(elements);
        next = memory.data();
    }
    bf16 *take(int64_t elements) {
        bf16 *taken = reinterpret_cast<bf16 *>((uintptr_t(next) + LINE - 1) / LINE * LINE);
        next = taken + elements;
        return taken;
    }

  private:
    static constexpr int64_t ALIGNED = LINE / sizeof(bf16);
    bf16 *next;
};

constexpr int64_t ROWS_AT_ONCE = 256;  // of intermediate results that stay in the caches

// T tokens, `[T, C]`, in place; cos and sin are `[T, D]`. Attention is a function of queries, keys and values that
// writes what they gather, `[T, K * Q, D]`. Keys, turned, are written to `keys`, `[T, K, D]`, if it is not 0.
template <typename Attention>
void compute(bf16 *hidden, const DecoderLayer &layer, const bf16 *cos, const bf16 *sin, int64_t T, bf16 *keys,
             const Attention &attention) {
    const int64_t C = layer.C, D = layer.D, K = layer.K, queries = K * layer.Q, inner = layer.inner;
    const int64_t all = (queries + 2 * K) * D, most = std::min(T, ROWS_AT_ONCE);
    auto norm = [&](bf16 *to, const bf16 *from, const bf16 *weight, int64_t rows, int64_t heads, int64_t stride,
                    int64_t width) {
        rms_norm(to, from, weight, rows, heads, stride, width, width, float(layer.eps), layer.plus_one != 0);
    };
    auto product = [](bf16 *to, const bf16 *from, const Linear &linear, int64_t rows, int64_t inputs, int64_t outputs) {
        multiply_rows(to, from, inputs, linear.weight, linear.bias, rows, inputs, outputs);
    };
    Room room(T * (2 * all + queries * D) + most * (C + 3 * inner), 6);
    bf16 *projected = room.take(T * all), *turned = room.take(T * all), *gathered = room.take(T * queries * D);
    bf16 *normed = room.take(most * C), *both = room.take(most * 2 * inner), *opened = room.take(most * inner);

    for (int64_t first = 0; first < T; first += most) {
        int64_t rows = std::min(most, T - first);
        norm(normed, hidden + first * C, layer.attention_norm, rows, 1, C, C);
        product(projected + first * all, normed, layer.query_key_value, rows, C, all);
    }
    // Heads from `first` on, normed if the layer does so, and turned.
    auto turn = [&](bf16 *to, int64_t first, int64_t heads, const bf16 *weight) {
        bf16 *from = projected + first * D;
        int64_t stride = all;
        if (weight) {
            norm(gathered, from, weight, T, heads, stride, D);
            from = gathered, stride = heads * D;
        }
        rotate(to, from, cos, sin, T, heads, stride, D, D);
        return Rows<bf16>{to, heads * D, D};
    };
    Rows<bf16> query = turn(turned, 0, queries, layer.query_norm);
    Rows<bf16> key = turn(keys ? keys : turned + T * queries * D, queries, K, layer.key_norm);
    attention(gathered, query, key, Rows<bf16>{projected + (queries + K) * D, all, D});

    for (int64_t first = 0; first < T; first += most) {
        int64_t rows = std::min(most, T - first);
        bf16 *to = hidden + first * C;
        product(normed, gathered + first * queries * D, layer.attended, rows, queries * D, C);
        add_into(to, normed, rows * C);
        norm(normed, to, layer.gate_norm, rows, 1, C, C);
        product(both, normed, layer.gate_up, rows, C, 2 * inner);
        gated(opened, both, both + inner, rows, 2 * inner, 2 * inner, inner);
        product(normed, opened, layer.down, rows, inner, C);
        add_into(to, normed, rows * C);
    }
}

// Layers one after the other of W new tokens of each slot, in place.
inline void layers_over_cache(bf16 *hidden, const DecoderLayer *layers, int64_t number, const bf16 *cos,
                              const bf16 *sin, const Slot *slots, int64_t count, int64_t W) {
    for (const DecoderLayer *layer = layers; layer < layers + number; layer++) {
        auto attention = [&](bf16 *to, Rows<bf16> query, Rows<bf16> key, Rows<bf16> value) {
            attend(to, query, key, value, slots, count, W, layer->K, layer->Q, layer->D, layer->number, layer->window,
                   float(layer->scaling));
        };
        compute(hidden, *layer, cos, sin, count * W, nullptr, attention);
    }
}

// A layer of sequences packed in one row, in place; their keys and values, `[T, K, D]`, are kept.
inline void layer_packed(bf16 *hidden, const DecoderLayer &layer, const bf16 *cos, const bf16 *sin, int64_t T,
                         bf16 *keys, bf16 *values, const Piece *pieces, int64_t count) {
    auto attention = [&](bf16 *to, Rows<bf16> query, Rows<bf16> key, Rows<bf16> value) {
        attend_packed(to, query, key, value, pieces, count, layer.K, layer.Q, layer.D, layer.window,
                      float(layer.scaling));
#pragma omp parallel for if (T * layer.K * layer.D > WORTH_THREADS)
        for (int64_t token = 0; token < T; token++)
            std::memcpy(values + token * layer.K * layer.D, value.at(token, 0), layer.K * layer.D * sizeof(bf16));
    };
    compute(hidden, layer, cos, sin, T, keys, attention);
}

}  // namespace
