// Root-mean-square norms.
#pragma once

#include <vector>

#include "numbers.h"

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

constexpr int64_t CHUNK = 32;  // rows whose gradients of the weight are summed before the sums are

// The gradients of a row, and what it adds to those of the weight.
template <typename T, bool PLUS_ONE>
void rms_norm_row_backward(T *grad_in, float *grad_weight, const T *grad_out, const T *in, const T *weight, int64_t C,
                           float eps) {
    auto scaled_grad = [&](int64_t c) {
        return PLUS_ONE ? widen(grad_out[c]) * (1.0f + widen(weight[c]))
                        : rounded<T>(widen(grad_out[c]) * widen(weight[c]));
    };
    float squares = 0, along = 0;
#pragma omp simd reduction(+ : squares, along)
    for (int64_t c = 0; c < C; c++) {
        squares = __builtin_fmaf(widen(in[c]), widen(in[c]), squares);
        along = __builtin_fmaf(scaled_grad(c), widen(in[c]), along);
    }
    float scale = 1.0f / std::sqrt(squares / C + eps), share = along * scale / C * scale;
#pragma omp simd
    for (int64_t c = 0; c < C; c++) {
        float normed = widen(in[c]) * scale, grad = widen(grad_out[c]);
        grad_in[c] = narrow<T>(scaled_grad(c) * scale - normed * share);
        grad_weight[c] += PLUS_ONE ? grad * normed : rounded<T>(grad * rounded<T>(normed));
    }
}

// Gradients of rows that lie one behind the other, and of the weight.
template <typename T, bool PLUS_ONE>
void rms_norm_backward(T *grad_in, float *grad_weight, const T *grad_out, const T *in, const T *weight, int64_t rows,
                       int64_t C, float eps) {
    int64_t chunks = (rows + CHUNK - 1) / CHUNK;
    std::vector<float> sums(chunks * C);
#pragma omp parallel for if (rows * C > WORTH_THREADS)
    for (int64_t chunk = 0; chunk < chunks; chunk++)
        for (int64_t row = chunk * CHUNK; row < std::min(rows, (chunk + 1) * CHUNK); row++)
            rms_norm_row_backward<T, PLUS_ONE>(grad_in + row * C, sums.data() + chunk * C, grad_out + row * C,
                                               in + row * C, weight, C, eps);
    std::fill(grad_weight, grad_weight + C, 0.0f);
    for (int64_t chunk = 0; chunk < chunks; chunk++)
        for (int64_t c = 0; c < C; c++) grad_weight[c] += sums[chunk * C + c];
}

}  // namespace
