// The small operations of a decoding step, each in one pass. PyTorch's processor kernels take several passes for each,
// and with few sequences a pass is mostly the cost of starting it.
//
// Numbers are rounded where the operations of Transformers' models round them, so that in bfloat16 the results are the
// same; only sums may be added up in another order.

#include "cache_attention.h"
#include "drawing.h"
#include "packed_attention.h"

namespace {

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

}  // namespace

#define ATTENTION_INPUTS(T)                                                                                            \
    const T *query, int64_t query_token, int64_t query_head, const T *key, int64_t key_token, int64_t key_head,        \
        const T *value, int64_t value_token, int64_t value_head
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
    extern "C" void attend_##SUFFIX(T *out, ATTENTION_INPUTS(T), const Slot *slots, int64_t count, int64_t W,          \
                                    int64_t K, int64_t Q, int64_t D, int64_t layer, int64_t window, float scaling) {   \
        attend<T>(out, {query, query_token, query_head}, {key, key_token, key_head},                                   \
                  {value, value_token, value_head}, slots, count, W, K, Q, D, layer, window, scaling);                 \
    }                                                                                                                  \
    extern "C" void attend_packed_##SUFFIX(T *out, ATTENTION_INPUTS(T), const Piece *pieces, int64_t count, int64_t K, \
                                           int64_t Q, int64_t D, int64_t window, float scaling) {                      \
        attend_packed<T>(out, {query, query_token, query_head}, {key, key_token, key_head},                            \
                         {value, value_token, value_head}, pieces, count, K, Q, D, window, scaling);                   \
    }                                                                                                                  \
    extern "C" void draw_##SUFFIX(int64_t *tokens, float *logprobs, const T *logits, int64_t stride, int64_t rows,     \
                                  int64_t size, const double *uniforms, float temperature, int64_t top_k, float top_p, \
                                  float min_p) {                                                                       \
        draw(tokens, logprobs, logits, stride, rows, size, uniforms, {temperature, top_k, top_p, min_p});              \
    }

FOR_TYPE(float, float32)
FOR_TYPE(bf16, bfloat16)
