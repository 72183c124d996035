// Rotary embedding.
#pragma once

#include "numbers.h"

namespace {

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
