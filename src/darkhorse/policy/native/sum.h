// Sums in place, of gradients and of rows.
#pragma once

#include "numbers.h"

namespace {

// What is added is widened on the way.
template <typename S, typename T> void add_into(S *sum, const T *addend, int64_t count) {
#pragma omp parallel for simd if (parallel : count > WORTH_THREADS)
    for (int64_t i = 0; i < count; i++) sum[i] = narrow<S>(widen(sum[i]) + widen(addend[i]));
}

}  // namespace
