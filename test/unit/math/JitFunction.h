// A math function expanded and compiled for this machine.
#pragma once

#include <memory>
#include <string>

/// `math.NAME` over arrays of f32, compiled for 16 lanes or for one.
class JitFunction {
public:
  /// The forms of the expansion: for scalars, for vectors, for vectors with AVX-512's instructions.
  enum class Form { Scalar, Vector, Avx512 };

  /// Expands and compiles; a failure ends the test and leaves `ok()` false.
  JitFunction(const std::string &name, Form form);
  ~JitFunction();

  bool ok() const { return entry != nullptr; }
  /// `count` must be a multiple of 16.
  void operator()(const float *in, float *out, int64_t count) const { entry(in, out, count); }

private:
  struct State;
  std::unique_ptr<State> state;
  void (*entry)(const float *, float *, int64_t) = nullptr;
};
