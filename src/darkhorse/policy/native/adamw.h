// A step of AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101) on weights in halves.
#pragma once

#include "halves.h"

namespace {

struct AdamW {
    float rate, beta1, beta2, epsilon, decay;  // of weights, once multiplied by the rate
    float correction1, correction2;            // 1 - beta^steps
    float share;                               // of gradients
};

template <typename T>
void adamw(bf16 *upper, int16_t *rest, T *average, T *square, const float *gradient, int64_t count, AdamW how) {
    const float step = how.rate / how.correction1, root = std::sqrt(how.correction2), kept = 1.0f - how.decay;
#pragma omp parallel for simd if (parallel : count > WORTH_THREADS)
    for (int64_t i = 0; i < count; i++) {
        float g = gradient[i] * how.share, m = widen(average[i]), v = widen(square[i]);
        m += (g - m) * (1.0f - how.beta1);
        v = v * how.beta2 + g * g * (1.0f - how.beta2);
        float weight = joined(upper[i], rest[i]) * kept;
        weight -= step * m / (std::sqrt(v) / root + how.epsilon);
        average[i] = narrow<T>(m), square[i] = narrow<T>(v);
        split(upper[i], rest[i], weight);
    }
}

}  // namespace
