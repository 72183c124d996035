// Float32 numbers as bfloat16 ones, and 16 bits that these leave out.
#pragma once

#include "numbers.h"

namespace {

inline float joined(bf16 upper, int16_t rest) {
    uint32_t bits = (uint32_t(upper.bits) << 16) + uint32_t(int32_t(rest));
    float whole;
    std::memcpy(&whole, &bits, 4);
    return whole;
}

// To nearest, ties away from zero: any other number of 16 bits more would not do for all that rounds to the same.
inline void split(bf16 &upper, int16_t &rest, float whole) {
    uint32_t bits;
    std::memcpy(&bits, &whole, 4);
    uint32_t rounded = (bits + 0x8000) >> 16;
    upper.bits = uint16_t(rounded);
    rest = int16_t(bits - (rounded << 16));
}

inline void join_halves(float *whole, const bf16 *upper, const int16_t *rest, int64_t count) {
#pragma omp parallel for simd if (parallel : count > WORTH_THREADS)
    for (int64_t i = 0; i < count; i++) whole[i] = joined(upper[i], rest[i]);
}

inline void split_halves(bf16 *upper, int16_t *rest, const float *whole, int64_t count) {
#pragma omp parallel for simd if (parallel : count > WORTH_THREADS)
    for (int64_t i = 0; i < count; i++) split(upper[i], rest[i], whole[i]);
}

}  // namespace
