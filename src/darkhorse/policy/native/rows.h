// Queries, keys and values as they lie in a model's products.
#pragma once

#include "numbers.h"

namespace {

// A tensor `[tokens, heads, D]`, given by its strides.
template <typename T> struct Rows {
    const T *data;
    int64_t token_stride, head_stride;

    const T *at(int64_t token, int64_t head) const { return data + token * token_stride + head * head_stride; }
};

}  // namespace
