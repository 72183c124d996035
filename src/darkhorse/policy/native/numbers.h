// Number types, rounding, and the exponential function.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace {

struct bf16 {
    uint16_t bits;
};

inline float widen(float x) { return x; }
inline float widen(bf16 x) {
    uint32_t bits = uint32_t(x.bits) << 16;
    float wide;
    std::memcpy(&wide, &bits, 4);
    return wide;
}

template <typename T> T narrow(float x);
template <> inline float narrow<float>(float x) { return x; }
template <> inline bf16 narrow<bf16>(float x) {
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    uint32_t even = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;  // to nearest, ties to even
    return bf16{uint16_t((bits & 0x7fffffff) > 0x7f800000 ? 0x7fc0 : even)};
}

template <typename T> inline float rounded(float x) { return widen(narrow<T>(x)); }

// e^x for x <= 0 to about 1e-7, relative: Cody and Waite's reduction and a polynomial. Unlike the library's it becomes
// vector instructions everywhere, as long as it is inlined.
[[gnu::always_inline]] inline float exp_of(float exponent) {
    constexpr float LEAST = -87.0f;  // what is smaller still counts as 0
    float x = std::max(exponent, LEAST);
    float n = __builtin_nearbyintf(x * 1.44269504f);
    float r = __builtin_fmaf(n, -0.693359375f, x);
    r = __builtin_fmaf(n, 2.12194440e-4f, r);
    float p = 1.9875691500e-4f;
    p = __builtin_fmaf(p, r, 1.3981999507e-3f);
    p = __builtin_fmaf(p, r, 8.3334519073e-3f);
    p = __builtin_fmaf(p, r, 4.1665795894e-2f);
    p = __builtin_fmaf(p, r, 1.6666665459e-1f);
    p = __builtin_fmaf(p, r, 5.0000001201e-1f);
    p = __builtin_fmaf(p, r * r, r + 1.0f);
    int32_t power = (int32_t(n) + 127) << 23;
    float scale;
    std::memcpy(&scale, &power, 4);
    return exponent < LEAST ? 0.0f : p * scale;
}

constexpr int64_t FILLED = 16;  // of which numbers computed together are a multiple

// The highest of numbers, and their sum; there is a multiple of FILLED of them. Compilers go through the last vector one by
// one, which takes longer than all else where numbers are few.
inline float highest_of(const float *numbers, int64_t count) {
#ifdef __AVX512F__
    __m512 most = _mm512_loadu_ps(numbers);
    for (int64_t i = FILLED; i < count; i += FILLED) most = _mm512_max_ps(most, _mm512_loadu_ps(numbers + i));
    return _mm512_reduce_max_ps(most);
#else
    float most = -INFINITY;
#pragma omp simd reduction(max : most)
    for (int64_t i = 0; i < count; i++) most = std::max(most, numbers[i]);
    return most;
#endif
}

inline float sum_of(const float *numbers, int64_t count) {
#ifdef __AVX512F__
    __m512 sum = _mm512_loadu_ps(numbers);
    for (int64_t i = FILLED; i < count; i += FILLED) sum = _mm512_add_ps(sum, _mm512_loadu_ps(numbers + i));
    return _mm512_reduce_add_ps(sum);
#else
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < count; i++) sum += numbers[i];
    return sum;
#endif
}

constexpr int64_t LINE = 64;  // bytes that come from memory together
constexpr int64_t WORTH_THREADS = 16384;  // elements below which starting threads takes longer than they save

}  // namespace
