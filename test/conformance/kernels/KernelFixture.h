// Compiles one kernel function for a feature set, loads it and runs it on guarded buffers.
#pragma once

#include "dialects/qvl/IR/Qvl.h"
#include "qvl/Codegen/TileGrid.h"
#include "qvl/Codegen/X86.h"
#include "qvlfmt/KernelAbi.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace qvl::test {

/// Whether two ranges of `count` floats hold the same bits. Empty ranges, which may be null, do.
inline bool sameBits(const float *a, const float *b, size_t count) {
  return count == 0 || std::memcmp(a, b, count * sizeof(float)) == 0;
}

/// Memory of one kernel buffer, 64-byte aligned. The page behind it is not accessible and the bytes
/// between its end and that page carry a pattern, so that a kernel that reads or writes too far is
/// found: by a fault, or by intact().
class GuardedBuffer {
public:
  explicit GuardedBuffer(size_t bytes);
  GuardedBuffer(GuardedBuffer &&) noexcept;
  GuardedBuffer &operator=(GuardedBuffer &&) = delete;
  ~GuardedBuffer();

  template <typename T> static GuardedBuffer of(std::span<const T> values) {
    GuardedBuffer buffer(values.size_bytes());
    if (!values.empty())
      std::memcpy(buffer.data(), values.data(), values.size_bytes());
    return buffer;
  }

  void *data() const { return base; }
  size_t size() const { return bytes; }
  template <typename T> std::span<T> as() const {
    return {static_cast<T *>(base), bytes / sizeof(T)};
  }
  /// Whether the pattern in front of and behind the memory is as it was.
  bool intact() const;

private:
  void *mapping = nullptr;
  size_t mappingBytes = 0;
  void *base = nullptr;
  size_t bytes = 0;
};

/// A kernel function as machine code in this process.
class CompiledKernel {
public:
  /// Compiles the function of `text`, which must be the only one; test failures on error.
  static std::unique_ptr<CompiledKernel> create(const std::string &text,
                                                const std::string &features);
  ~CompiledKernel();

  /// Tiles for `rows` rows of the grid's row dimension.
  int64_t tiles(int64_t rows) const;
  /// Runs the tiles [begin, end) with scratch memory that holds NaN.
  void run(std::span<void *const> buffers, std::span<const int64_t> scalars, int64_t begin,
           int64_t end) const;

private:
  mlir::qvl::TileGrid grid{};
  int64_t scratchBytes = 0;
  /// Open as long as the library: dlopen knows libraries by path and would take the next file of
  /// the same number for this one.
  int file = -1;
  void *library = nullptr;
  qvl_kernel entry = nullptr;
};

/// Tests that run once per feature set whose code differs; they skip where this CPU lacks it.
class KernelTest : public testing::TestWithParam<std::string> {
protected:
  void SetUp() override;
  /// Compiles for the feature set of the test.
  std::unique_ptr<CompiledKernel> compile(const std::string &text) const {
    return CompiledKernel::create(text, GetParam());
  }
  /// `count` values, uniform in [-1, 1).
  std::vector<float> uniform(size_t count);

  std::mt19937 random{20240607};
};

/// A bf16 as its bits, rounded to nearest even.
uint16_t toBf16(float value);
float fromBf16(uint16_t bits);

/// The feature sets and chips that a test binary runs its tests for.
#ifndef QVL_KERNEL_FEATURES
#define QVL_KERNEL_FEATURES "v3", "v4"
#endif
#define QVL_INSTANTIATE_KERNEL_TESTS(SUITE)                                                        \
  QVL_INSTANTIATE_KERNEL_TESTS_FOR(SUITE, QVL_KERNEL_FEATURES)
/// The same for the feature sets of a list. A "+" of a name is "_" in the name of the test.
#define QVL_INSTANTIATE_KERNEL_TESTS_FOR(SUITE, ...)                                               \
  INSTANTIATE_TEST_SUITE_P(Features, SUITE, testing::Values(__VA_ARGS__), [](const auto &info) {   \
    std::string name = info.param;                                                                 \
    std::replace(name.begin(), name.end(), '+', '_');                                              \
    return name;                                                                                   \
  })

} // namespace qvl::test
