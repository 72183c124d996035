// The small operations of a decoding step, each in one pass. PyTorch's processor kernels take several passes for each,
// and with few sequences a pass is mostly the cost of starting it.
//
// Numbers are rounded where the operations of Transformers' models round them, so that the results are the same in bfloat16; only
// sums may be added up in another order.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace {

struct bf16 {
    uint16_t bits;
};

inline float widen(float x) { return x; }
inline float widen(bf16 x) {
    uint32_t bits = uint32_t(x.bits) << 16;
    float wide;
    std::memcpy(&wide, &bits, 4);
    return wide;
}

template <typename T> T narrow(float x);
template <> inline float narrow<float>(float x) { return x; }
template <> inline bf16 narrow<bf16>(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    uint32_t even = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;  // to nearest, ties to even
    return bf16{uint16_t((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : even)};
}

#define UNROLLED _Pragma("GCC unroll 16")

// Vectors of the compiler's, whatever the processor makes of them.
typedef float wide8 __attribute__((vector_size(32)));
typedef float wide16 __attribute__((vector_size(64)));
typedef uint32_t bits16 __attribute__((vector_size(64)));

// The sums of sixteen vectors, in order; they are overwritten. Neighbours are folded into one vector again and again.
inline wide16 sums_of(wide16 *x) {
    typedef int32_t order16 __attribute__((vector_size(64)));
    constexpr order16 EVEN = {0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30}, ODD = EVEN + 1;
    UNROLLED
    for (int n = 8; n; n /= 2)
        UNROLLED
        for (int i = 0; i < n; i++)
            x[i] = __builtin_shuffle(x[2 * i], x[2 * i + 1], EVEN) + __builtin_shuffle(x[2 * i], x[2 * i + 1], ODD);
    return x[0];
}

// Thirty-two neighbouring numbers, in two vectors. Those of bfloat16 are the even and the odd ones, which takes no
// shuffling; what they meet is laid out alike, see `place`.
struct wide32 {
    wide16 first, second;
};
inline wide32 load(const float *from) {
    wide32 x;
    std::memcpy(&x, from, 128);
    return x;
}
inline wide32 load(const bf16 *from) {
    bits16 pairs;
    std::memcpy(&pairs, from, 64);
    return {(wide16)(pairs << 16), (wide16)(pairs & 0xffff0000u)};
}
template <typename T> constexpr int64_t place(int64_t channel) {  // of a channel, in what meets such vectors
    return sizeof(T) == 4 ? channel : channel / 32 * 32 + channel % 2 * 16 + channel % 32 / 2;
}

template <typename T> inline float rounded(float x) { return widen(narrow<T>(x)); }

// e^x for x <= 0 to about 1e-7, relative: Cody and Waite's reduction and a polynomial. Unlike the library's it becomes
// vector instructions everywhere.
inline float exp_of(float exponent) {
    constexpr float LEAST = -87.0f;  // what is smaller still counts as 0
    float x = std::max(exponent, LEAST);
    float n = __builtin_nearbyintf(x * 1.44269504f);
    float r = __builtin_fmaf(n, -0.693359375f, x);
    r = __builtin_fmaf(n, 2.12194440e-4f, r);
    float p = 1.9875691500e-4f;
    p = __builtin_fmaf(p, r, 1.3981999507e-3f);
    p = __builtin_fmaf(p, r, 8.3334519073e-3f);
    p = __builtin_fmaf(p, r, 4.1665795894e-2f);
    p = __builtin_fmaf(p, r, 1.6666665459e-1f);
    p = __builtin_fmaf(p, r, 5.0000001201e-1f);
    p = __builtin_fmaf(p, r * r, r + 1.0f);
    int32_t power = (int32_t(n) + 127) << 23;
    float scale;
    std::memcpy(&scale, &power, 4);
    return exponent < LEAST ? 0.0f : p * scale;
}

constexpr int64_t WORTH_THREADS = 16384;  // elements below which starting threads takes longer than they save

// `C` channels a row; `plus_one` is Gemma's form, which scales by 1 + weight before it rounds.
template <typename T>
void rms_norm(T *out, const T *in, const T *weight, int64_t outer, int64_t inner, int64_t outer_stride,
              int64_t inner_stride, int64_t C, float eps, bool plus_one) {
#pragma omp parallel for if (outer * inner * C > WORTH_THREADS)
    for (int64_t row = 0; row < outer * inner; row++) {
        const T *x = in + row / inner * outer_stride + row % inner * inner_stride;
        T *y = out + row * C;
        float squares = 0;
#pragma omp simd reduction(+ : squares)
        for (int64_t c = 0; c < C; c++) squares = __builtin_fmaf(widen(x[c]), widen(x[c]), squares);
        float scale = 1.0f / std::sqrt(squares / C + eps);
        if (plus_one)
#pragma omp simd
            for (int64_t c = 0; c < C; c++) y[c] = narrow<T>(widen(x[c]) * scale * (1.0f + widen(weight[c])));
        else
#pragma omp simd
            for (int64_t c = 0; c < C; c++) y[c] = narrow<T>(widen(weight[c]) * rounded<T>(widen(x[c]) * scale));
    }
}

// silu(gate) * up
template <typename T>
void gated(T *out, const T *gate, const T *up, int64_t rows, int64_t gate_stride, int64_t up_stride, int64_t C) {
#pragma omp parallel for if (rows * C > WORTH_THREADS)
    for (int64_t row = 0; row < rows; row++) {
        const T *g = gate + row * gate_stride, *u = up + row * up_stride;
        T *y = out + row * C;
#pragma omp simd
        for (int64_t c = 0; c < C; c++) {
            float x = widen(g[c]), e = exp_of(-std::fabs(x));
            float sigmoid = (x < 0 ? e : 1.0f) / (1.0f + e);
            y[c] = narrow<T>(rounded<T>(x * sigmoid) * widen(u[c]));
        }
    }
}

// Rotary embedding, the halves of a head's channels being the two coordinates; rows are tokens, out is [T, H, D].
template <typename T>
void rotate(T *out, const T *in, const T *cos, const T *sin, int64_t tokens, int64_t heads, int64_t token_stride,
            int64_t head_stride, int64_t D) {
    int64_t half = D / 2;
#pragma omp parallel for if (tokens * heads * D > WORTH_THREADS)
    for (int64_t row = 0; row < tokens * heads; row++) {
        int64_t token = row / heads;
        const T *x = in + token * token_stride + row % heads * head_stride, *c = cos + token * D, *s = sin + token * D;
        T *y = out + row * D;
#pragma omp simd
        for (int64_t i = 0; i < half; i++) {
            float a = widen(x[i]), b = widen(x[half + i]);
            y[i] = narrow<T>(rounded<T>(a * widen(c[i])) + rounded<T>(-b * widen(s[i])));
            y[half + i] = narrow<T>(rounded<T>(b * widen(c[half + i])) + rounded<T>(a * widen(s[half + i])));
        }
    }
}

// `R` query rows, laid out by `place`, over the places [start, stop) of a head's keys and values, `[.., D]` each. WIDTH is
// D where it is known when this is compiled, else 0 and D has no layout.
template <typename T, int WIDTH, int R>
void attend_rows(T *out, const float *query, const T *keys, const T *values, int64_t start, int64_t stop, int64_t D,
                 std::vector<float> &room) {
    const int64_t places = stop - start;
    room.resize(R * (places + D));
    float *scores = room.data(), *sums = scores + R * places;
    const T *key = keys + start * D, *value = values + start * D;
    const bool blocks = WIDTH != 0 && places >= 16;
    if constexpr (WIDTH != 0)
        for (int64_t from = 0; blocks && from < places; from += 16) {
            int64_t t = std::min(from, places - 16);  // the last ones once more, rather than what lies behind them
            for (int r = 0; r < R; r++) {
                const float *q = query + r * WIDTH;
                const T *k = key + t * WIDTH;
                wide16 dots[16];
                UNROLLED
                for (int i = 0; i < 16; i++) {
                    dots[i] = wide16{};
                    UNROLLED
                    for (int d = 0; d < WIDTH; d += 32) {
                        wide32 a = load(q + d), b = load(k + i * WIDTH + d);
                        dots[i] += a.first * b.first;
                        dots[i] += a.second * b.second;
                    }
                }
                wide16 found = sums_of(dots);
                std::memcpy(scores + r * places + t, &found, 64);
            }
        }
    if (!blocks)
        for (int64_t t = 0; t < places; t++)
            for (int r = 0; r < R; r++) {
                float dot = 0;
                for (int64_t d = 0; d < D; d++) dot += query[r * D + (WIDTH ? place<T>(d) : d)] * widen(key[t * D + d]);
                scores[r * places + t] = dot;
            }
    for (int r = 0; r < R; r++) {
        float *s = scores + r * places, highest = s[0], total = 0;
#pragma omp simd reduction(max : highest)
        for (int64_t t = 0; t < places; t++) highest = std::max(highest, s[t]);
        for (int64_t t = 0; t < places; t++) total += s[t] = exp_of(s[t] - highest);
        float share = 1.0f / total;
        for (int64_t t = 0; t < places; t++) s[t] *= share;
    }
    if constexpr (WIDTH != 0) {
        for (int from = 0; from < WIDTH; from += 32) {  // whose sums stay in registers
            wide32 sum[R] = {};
            for (int64_t t = 0; t < places; t++) {
                wide32 v = load(value + t * WIDTH + from);
                for (int r = 0; r < R; r++) {
                    sum[r].first += scores[r * places + t] * v.first;
                    sum[r].second += scores[r * places + t] * v.second;
                }
            }
            for (int r = 0; r < R; r++) std::memcpy(sums + r * WIDTH + from, &sum[r], 128);
        }
        for (int r = 0; r < R; r++)
            for (int d = 0; d < WIDTH; d++) out[r * WIDTH + d] = narrow<T>(sums[r * WIDTH + place<T>(d)]);
    } else {
        std::fill(sums, sums + R * D, 0.0f);
        for (int64_t t = 0; t < places; t++)
            for (int r = 0; r < R; r++)
                for (int64_t d = 0; d < D; d++) sums[r * D + d] += scores[r * places + t] * widen(value[t * D + d]);
        for (int64_t i = 0; i < R * D; i++) out[i] = narrow<T>(sums[i]);
    }
}

template <typename T, int WIDTH>
void attend_some(T *out, const float *query, const T *keys, const T *values, int64_t rows, int64_t start, int64_t stop,
                 int64_t D, std::vector<float> &room) {
    while (rows > 0) {
        int64_t now = std::min<int64_t>(rows, 4);
        switch (now) {
        case 1: attend_rows<T, WIDTH, 1>(out, query, keys, values, start, stop, D, room); break;
        case 2: attend_rows<T, WIDTH, 2>(out, query, keys, values, start, stop, D, room); break;
        case 3: attend_rows<T, WIDTH, 3>(out, query, keys, values, start, stop, D, room); break;
        default: attend_rows<T, WIDTH, 4>(out, query, keys, values, start, stop, D, room);
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

// Tensors `[slots * W, heads, D]`, given by their strides of tokens and heads.
struct Rows {
    int64_t address, token_stride, head_stride;
};

// New tokens, W a slot, write their keys and values into the cache, and each attends to its sequence up to itself, or
// to the last `window` places of it. Out is [slots * W, K * Q, D].
template <typename T>
void attend(T *out, const Rows &query, const Rows &key, const Rows &value, const Slot *slots, int64_t count, int64_t W,
            int64_t K, int64_t Q, int64_t D, int64_t layer, int64_t window, float scaling) {
    int64_t places = 0;
    for (int64_t s = 0; s < count; s++) places += slots[s].position + W;
#pragma omp parallel if (places * K * D > WORTH_THREADS)
    {
        std::vector<float> room, scaled(Q * D);
#pragma omp for schedule(dynamic)
        for (int64_t item = 0; item < count * K; item++) {
            const Slot &slot = slots[item / K];
            int64_t head = item % K, first = item / K * W, offset = layer * slot.layer_stride + head * slot.head_stride;
            T *keys = reinterpret_cast<T *>(slot.keys) + offset, *values = reinterpret_cast<T *>(slot.values) + offset;
            for (int64_t w = 0; w < W; w++) {
                int64_t at = (slot.position + w) * D;
                std::memcpy(keys + at, reinterpret_cast<const T *>(key.address) + (first + w) * key.token_stride + head * key.head_stride, D * sizeof(T));
                std::memcpy(values + at, reinterpret_cast<const T *>(value.address) + (first + w) * value.token_stride + head * value.head_stride, D * sizeof(T));
            }
            for (int64_t w = 0; w < W; w++) {
                int64_t stop = slot.position + w + 1, start = window > 0 ? std::max<int64_t>(0, stop - window) : 0;
                bool laid_out = D == 64 || D == 128;
                for (int64_t r = 0; r < Q; r++) {
                    const T *q = reinterpret_cast<const T *>(query.address) + (first + w) * query.token_stride + (head * Q + r) * query.head_stride;
                    for (int64_t d = 0; d < D; d++) scaled[r * D + (laid_out ? place<T>(d) : d)] = widen(q[d]) * scaling;
                }
                T *to = out + ((first + w) * K + head) * Q * D;
                switch (D) {
                case 64: attend_some<T, 64>(to, scaled.data(), keys, values, Q, start, stop, D, room); break;
                case 128: attend_some<T, 128>(to, scaled.data(), keys, values, Q, start, stop, D, room); break;
                default: attend_some<T, 0>(to, scaled.data(), keys, values, Q, start, stop, D, room);
                }
            }
        }
    }
}

}  // namespace

#define FOR_TYPE(T, SUFFIX)                                                                                            \
    extern "C" void rms_norm_##SUFFIX(T *out, const T *in, const T *weight, int64_t outer, int64_t inner,              \
                                      int64_t outer_stride, int64_t inner_stride, int64_t C, float eps,                \
                                      int64_t plus_one) {                                                              \
        rms_norm(out, in, weight, outer, inner, outer_stride, inner_stride, C, eps, plus_one != 0);                    \
    }                                                                                                                  \
    extern "C" void gated_##SUFFIX(T *out, const T *gate, const T *up, int64_t rows, int64_t gate_stride,              \
                                   int64_t up_stride, int64_t C) {                                                     \
        gated(out, gate, up, rows, gate_stride, up_stride, C);                                                         \
    }                                                                                                                  \
    extern "C" void rotate_##SUFFIX(T *out, const T *in, const T *cos, const T *sin, int64_t tokens, int64_t heads,    \
                                    int64_t token_stride, int64_t head_stride, int64_t D) {                            \
        rotate(out, in, cos, sin, tokens, heads, token_stride, head_stride, D);                                        \
    }                                                                                                                  \
    extern "C" void attend_##SUFFIX(T *out, int64_t query, int64_t query_token, int64_t query_head, int64_t key,       \
                                    int64_t key_token, int64_t key_head, int64_t value, int64_t value_token,           \
                                    int64_t value_head, const Slot *slots, int64_t count, int64_t W, int64_t K,        \
                                    int64_t Q, int64_t D, int64_t layer, int64_t window, float scaling) {              \
        attend(out, Rows{query, query_token, query_head}, Rows{key, key_token, key_head},                              \
               Rows{value, value_token, value_head}, slots, count, W, K, Q, D, layer, window, scaling);                \
    }

FOR_TYPE(float, float32)
FOR_TYPE(bf16, bfloat16)
