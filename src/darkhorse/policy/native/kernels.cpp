// The small operations of a model, each in one pass. PyTorch's processor kernels take several passes for each, and with
// few tokens a pass is mostly the cost of starting it.
//
// Numbers are rounded where the operations of Transformers' models round them, so that in bfloat16 the results are the
// same; only sums may be added up in another order.

#include "adamw.h"
#include "attention_gradients.h"
#include "cache_attention.h"
#include "decoder.h"
#include "drawing.h"
#include "gate.h"
#include "norm.h"
#include "packed_attention.h"
#include "product.h"
#include "rotary.h"
#include "softmax.h"
#include "sum.h"
#include "turning.h"

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
    extern "C" void rms_norm_backward_##SUFFIX(T *grad_in, float *grad_weight, const T *grad_out, const T *in,         \
                                               const T *weight, int64_t rows, int64_t C, float eps,                    \
                                               int64_t plus_one) {                                                     \
        auto backward = plus_one ? rms_norm_backward<T, true> : rms_norm_backward<T, false>;                           \
        backward(grad_in, grad_weight, grad_out, in, weight, rows, C, eps);                                            \
    }                                                                                                                  \
    extern "C" void gated_backward_##SUFFIX(T *grad_both, T *product, const T *grad_out, const T *gate, const T *up,   \
                                            int64_t rows, int64_t gate_stride, int64_t up_stride, int64_t C) {         \
        gated_backward(grad_both, product, grad_out, gate, up, rows, gate_stride, up_stride, C);                       \
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
    extern "C" void softmax_parts_##SUFFIX(SoftmaxParts *parts, const T *logits, const int64_t *targets,                \
                                           const float *heat, int64_t rows, int64_t size) {                            \
        softmax_parts(parts, logits, targets, heat, rows, size);                                                       \
    }                                                                                                                  \
    extern "C" void softmax_gradients_##SUFFIX(T *logits, const int64_t *targets, const float *heat,                   \
                                               const float *log_total, const float *grad, int64_t rows,                \
                                               int64_t size) {                                                         \
        softmax_gradients(logits, targets, heat, log_total, grad, rows, size);                                         \
    }                                                                                                                  \
    extern "C" void adamw_##SUFFIX(bf16 *upper, int16_t *rest, T *average, T *square, const float *gradient,           \
                                   int64_t count, float rate, float beta1, float beta2, float epsilon, float decay,    \
                                   float correction1, float correction2, float share) {                                \
        AdamW how{rate, beta1, beta2, epsilon, decay, correction1, correction2, share};                                \
        adamw(upper, rest, average, square, gradient, count, how);                                                     \
    }                                                                                                                  \
    extern "C" void add_into_##SUFFIX(float *sum, const T *addend, int64_t count) { add_into(sum, addend, count); }    \
    extern "C" void draw_##SUFFIX(int64_t *tokens, float *logprobs, const T *logits, int64_t stride, int64_t rows,     \
                                  int64_t size, const double *uniforms, float temperature, int64_t top_k, float top_p, \
                                  float min_p) {                                                                       \
        draw(tokens, logprobs, logits, stride, rows, size, uniforms, {temperature, top_k, top_p, min_p});              \
    }

FOR_TYPE(float, float32)
FOR_TYPE(bf16, bfloat16)

extern "C" void join_halves_bfloat16(float *whole, const bf16 *upper, const int16_t *rest, int64_t count) {
    join_halves(whole, upper, rest, count);
}
extern "C" void split_halves_bfloat16(bf16 *upper, int16_t *rest, const float *whole, int64_t count) {
    split_halves(upper, rest, whole, count);
}

extern "C" int64_t product_outputs() { return outputs_together(); }
extern "C" int64_t product_channels() { return CHANNELS; }
extern "C" void pack(bf16 *packed, const bf16 *weight, int64_t O, int64_t C, int64_t output_stride,
                     int64_t channel_stride) {
    pack_weight(packed, weight, O, C, output_stride, channel_stride);
}
extern "C" void multiply(bf16 *out, const bf16 *in, int64_t in_stride, const bf16 *packed, const bf16 *bias,
                         int64_t rows, int64_t C, int64_t O) {
    multiply_rows(out, in, in_stride, packed, bias, rows, C, O);
}
extern "C" void decode_layers(bf16 *hidden, const DecoderLayer *layers, int64_t number, const bf16 *cos,
                              const bf16 *sin, const Slot *slots, int64_t count, int64_t W) {
    layers_over_cache(hidden, layers, number, cos, sin, slots, count, W);
}
extern "C" void read_layer(bf16 *hidden, const DecoderLayer *layer, const bf16 *cos, const bf16 *sin, int64_t T,
                           bf16 *keys, bf16 *values, const Piece *pieces, int64_t count) {
    layer_packed(hidden, *layer, cos, sin, T, keys, values, pieces, count);
}
extern "C" int64_t matrix_unit() { return tiles_allowed(); }
extern "C" int64_t attention_differentiates(int64_t D) { return attends_by_tiles(D) && tiles_allowed(); }
#if MATRIX_UNIT
extern "C" void transpose_bfloat16(bf16 *out, const bf16 *in, int64_t in_stride, int64_t T, int64_t C) {
    turn_rows(out, in, in_stride, T, C);
}
extern "C" void attend_packed_kept_bfloat16(bf16 *out, float *log_total, ATTENTION_INPUTS(bf16), const Piece *pieces,
                                            int64_t count, int64_t K, int64_t Q, int64_t D, int64_t window,
                                            float scaling) {
    auto attend = D == 64 ? attend_packed_tiles<64> : attend_packed_tiles<128>;
    attend(out, log_total, {query, query_token, query_head}, {key, key_token, key_head},
           {value, value_token, value_head}, pieces, count, K, Q, window, scaling);
}
extern "C" void attend_packed_backward_bfloat16(bf16 *grad_query, bf16 *grad_key, bf16 *grad_value, const bf16 *out,
                                                const float *log_total, const bf16 *grad, int64_t grad_token,
                                                int64_t grad_head, ATTENTION_INPUTS(bf16), const Piece *sequences,
                                                int64_t count, int64_t K, int64_t Q, int64_t D, int64_t window,
                                                float scaling) {
    auto backward = D == 64 ? packed_gradients<64> : packed_gradients<128>;
    AttentionDone done{{query, query_token, query_head}, {key, key_token, key_head}, {value, value_token, value_head},
                       {grad, grad_token, grad_head}, out, log_total, K, Q, window, scaling};
    backward({grad_query, grad_key, grad_value}, done, sequences, count);
}
#endif
