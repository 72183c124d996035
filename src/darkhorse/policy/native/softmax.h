// A softmax over the outputs of a head, of which a block is there at a time.
#pragma once

#include "numbers.h"

namespace {

// What a block of logits adds to a row's softmax: the highest of them, the sum of their weights e^(logit - highest), the
// sum of weight * (logit - highest), and the logit of the target where it is in the block, else 0.
struct SoftmaxParts {
    float highest, total, weighted, chosen;
};

// A row's target, counted from the block's first output, and what divides its logits.
template <typename T> SoftmaxParts softmax_row(const T *logits, int64_t size, int64_t target, float heat) {
    float most = -INFINITY, total = 0, weighted = 0;
#pragma omp simd reduction(max : most)
    for (int64_t i = 0; i < size; i++) most = std::max(most, widen(logits[i]));
    most /= heat;
#pragma omp simd reduction(+ : total, weighted)
    for (int64_t i = 0; i < size; i++) {
        float below = widen(logits[i]) / heat - most, weight = exp_of(below);
        total += weight;
        weighted = __builtin_fmaf(weight, below, weighted);
    }
    return {most, total, weighted, target >= 0 && target < size ? widen(logits[target]) / heat : 0.0f};
}

template <typename T>
void softmax_parts(SoftmaxParts *parts, const T *logits, const int64_t *targets, const float *heat, int64_t rows,
                   int64_t size) {
#pragma omp parallel for if (rows * size > WORTH_THREADS)
    for (int64_t row = 0; row < rows; row++)
        parts[row] = softmax_row(logits + row * size, size, targets[row], heat[row]);
}

// Puts what flows into the logits in their place: grad / heat * (1 where the target is, else 0, - weight / all weights).
template <typename T>
void softmax_gradients(T *logits, const int64_t *targets, const float *heat, const float *log_total, const float *grad,
                       int64_t rows, int64_t size) {
#pragma omp parallel for if (rows * size > WORTH_THREADS)
    for (int64_t row = 0; row < rows; row++) {
        T *at = logits + row * size;
        const float divisor = heat[row], scale = grad[row] / divisor, base = log_total[row];
        const int64_t target = targets[row];
        const bool here = target >= 0 && target < size;
        const float chosen = here ? exp_of(widen(at[target]) / divisor - base) : 0;
#pragma omp simd
        for (int64_t i = 0; i < size; i++) at[i] = narrow<T>(-exp_of(widen(at[i]) / divisor - base) * scale);
        if (here) at[target] = narrow<T>((1.0f - chosen) * scale);
    }
}

}  // namespace
