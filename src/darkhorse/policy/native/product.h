// Products of bfloat16 rows and a weight, by what this processor does it fastest with.
#pragma once

#include "packed_weight.h"

#if MATRIX_UNIT
#include "tile_product.h"
#elif PRODUCT_BY_PAIRS
#include "pair_product.h"
#endif

namespace {

// Outputs that lie together in a packed weight; 0 where there are no such products.
inline int64_t outputs_together() {
#if MATRIX_UNIT
    return tiles_allowed() ? OUTPUTS : 0;
#else
    return PRODUCT_BY_PAIRS ? OUTPUTS : 0;
#endif
}

#if !MATRIX_UNIT && !PRODUCT_BY_PAIRS
inline void multiply_rows(bf16 *, const bf16 *, int64_t, const bf16 *, const bf16 *, int64_t, int64_t, int64_t) {}
#endif

}  // namespace
