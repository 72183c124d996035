// The processor's matrix unit (AMX), where there is one.
#pragma once

#include <initializer_list>

#include "numbers.h"

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#define MATRIX_UNIT 1
#else
#define MATRIX_UNIT 0
#endif

namespace {

constexpr int64_t SIDE = 16;        // rows, and numbers of 32 bits in each, of a tile
constexpr int64_t STEP = 2 * SIDE;  // bfloat16 numbers in a row of a tile

#if MATRIX_UNIT
// Whether the system lets this process use the unit; asked once, for all threads.
inline bool tiles_allowed() {
    constexpr long REQUEST = 0x1023, TILE_DATA = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
    static const bool allowed = syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
    return allowed;
}

// Has what is there be written before the unit reads it, which the compiler is not told of.
inline void settle(const void *memory) { asm volatile("" : : "r"(memory) : "memory"); }

// Rows of a tile, and bytes of each.
struct TileShape {
    int64_t rows, bytes;
};

// Shapes this thread's tiles, of which nothing is kept.
inline void shape_tiles(std::initializer_list<TileShape> shapes) {
    struct {
        uint8_t palette = 1, start = 0, reserved[14] = {};
        uint16_t bytes[16] = {};
        uint8_t rows[16] = {};
    } all;
    int tile = 0;
    for (const TileShape &shape : shapes) all.rows[tile] = uint8_t(shape.rows), all.bytes[tile++] = uint16_t(shape.bytes);
    settle(&all);
    _tile_loadconfig(&all);
}

// All of them as large as they get.
inline void shape_whole_tiles() {
    constexpr TileShape WHOLE{SIDE, STEP * int64_t(sizeof(bf16))};
    shape_tiles({WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE, WHOLE});
}
#else
inline bool tiles_allowed() { return false; }
#endif

}  // namespace
