// The small operations of a decoding step, each in one pass. PyTorch's processor kernels take several passes for each,
// and with few sequences a pass is mostly the cost of starting it.
//
// Numbers are rounded where the operations of Transformers' models round them, so that in bfloat16 the results are the
// same; only sums may be added up in another order.

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

// `R` query rows over the places [start, stop) of a head's keys and values, `[.., D]` each. WIDTH is D where that is
// known when this is compiled, else 0.
template <typename T, int WIDTH, int R>
void attend_rows(T *out, const float *query, const T *keys, const T *values, int64_t start, int64_t stop, int64_t D,
                 std::vector<float> &room) {
    constexpr int BLOCK = WIDTH == 0 ? 1 : WIDTH % 32 ? 16 : 32;  // channels whose sums stay in registers
    const int64_t width = WIDTH ? WIDTH : D, places = stop - start;
    room.resize(R * places);
    float *scores = room.data();
    const T *key = keys + start * width;
    for (int64_t t = 0; t < places; t++, key += width)
        for (int r = 0; r < R; r++) {
            float dot = 0;
#pragma omp simd reduction(+ : dot)
            for (int64_t d = 0; d < width; d++) dot += query[r * width + d] * widen(key[d]);
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
    for (int64_t from = 0; from < width; from += BLOCK) {
        float sum[R][BLOCK] = {};
        const T *value = values + start * width + from;
        for (int64_t t = 0; t < places; t++, value += width)
            for (int r = 0; r < R; r++)
#pragma omp simd
                for (int d = 0; d < BLOCK; d++) sum[r][d] += scores[r * places + t] * widen(value[d]);
        for (int r = 0; r < R; r++)
            for (int d = 0; d < BLOCK; d++) out[r * width + from + d] = narrow<T>(sum[r][d]);
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

// A tensor `[tokens, heads, D]`, given by its strides.
template <typename T> struct Rows {
    const T *data;
    int64_t token_stride, head_stride;

    const T *at(int64_t token, int64_t head) const { return data + token * token_stride + head * head_stride; }
};

// New tokens, W a slot, write their keys and values into the cache, and each attends to its sequence up to itself, or
// to the last `window` places of it. Out is `[slots * W, K * Q, D]`.
template <typename T>
void attend(T *out, Rows<T> query, Rows<T> key, Rows<T> value, const Slot *slots, int64_t count, int64_t W, int64_t K,
            int64_t Q, int64_t D, int64_t layer, int64_t window, float scaling) {
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
                case 64: attend_some<T, 64>(to, scaled.data(), keys, values, Q, start, stop, D, room); break;
                case 80: attend_some<T, 80>(to, scaled.data(), keys, values, Q, start, stop, D, room); break;
                case 96: attend_some<T, 96>(to, scaled.data(), keys, values, Q, start, stop, D, room); break;
                case 128: attend_some<T, 128>(to, scaled.data(), keys, values, Q, start, stop, D, room); break;
                case 256: attend_some<T, 256>(to, scaled.data(), keys, values, Q, start, stop, D, room); break;
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
    extern "C" void attend_##SUFFIX(T *out, const T *query, int64_t query_token, int64_t query_head, const T *key,     \
                                    int64_t key_token, int64_t key_head, const T *value, int64_t value_token,          \
                                    int64_t value_head, const Slot *slots, int64_t count, int64_t W, int64_t K,        \
                                    int64_t Q, int64_t D, int64_t layer, int64_t window, float scaling) {              \
        attend<T>(out, {query, query_token, query_head}, {key, key_token, key_head},                                   \
                  {value, value_token, value_head}, slots, count, W, K, Q, D, layer, window, scaling);                 \
    }

FOR_TYPE(float, float32)
FOR_TYPE(bf16, bfloat16)
