// Gated products.
#pragma once

#include "numbers.h"

namespace {

inline float sigmoid(float x) {
    float e = exp_of(-std::fabs(x));
    return (x < 0 ? e : 1.0f) / (1.0f + e);
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
            float x = widen(g[c]);
            y[c] = narrow<T>(rounded<T>(x * sigmoid(x)) * widen(u[c]));
        }
    }
}

// The gradients of gate and up, side by side in rows of 2 * C, and the product once more.
template <typename T>
void gated_backward(T *grad_both, T *product, const T *grad_out, const T *gate, const T *up, int64_t rows,
                    int64_t gate_stride, int64_t up_stride, int64_t C) {
#pragma omp parallel for if (rows * C > WORTH_THREADS)
    for (int64_t row = 0; row < rows; row++) {
        const T *g = gate + row * gate_stride, *u = up + row * up_stride, *grad = grad_out + row * C;
        T *y = product + row * C, *grad_gate = grad_both + row * 2 * C, *grad_up = grad_gate + C;
#pragma omp simd
        for (int64_t c = 0; c < C; c++) {
            float x = widen(g[c]), open = sigmoid(x), silu = rounded<T>(x * open), above = widen(grad[c]);
            y[c] = narrow<T>(silu * widen(u[c]));
            grad_up[c] = narrow<T>(above * silu);
            grad_gate[c] = narrow<T>(rounded<T>(above * widen(u[c])) * open * (1.0f + x * (1.0f - open)));
        }
    }
}

}  // namespace
