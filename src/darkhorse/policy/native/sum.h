// Sums of gradients, and of rows.
#pragma once

#include "numbers.h"

namespace {

// What is added is widened on the way.
template <typename T> void add_into(float *sum, const T *addend, int64_t count) {
#pragma omp parallel for simd if (parallel : count > WORTH_THREADS)
    for (int64_t i = 0; i < count; i++) sum[i] += widen(addend[i]);
}

// Two sets of rows.
template <typename T> void add_rows(T *out, const T *one, const T *other, int64_t count) {
#pragma omp parallel for simd if (parallel : count > WORTH_THREADS)
    for (int64_t i = 0; i < count; i++) out[i] = narrow<T>(widen(one[i]) + widen(other[i]));
}

}  // namespace
