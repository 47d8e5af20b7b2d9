#include "Simulation.h"

#include <gtest/gtest.h>

namespace qvlsim::test {
namespace {

template <typename T>
std::vector<T> map3(const std::string &text, const std::vector<T> &a, const std::vector<T> &b,
                    const std::vector<T> &c) {
  Simulation s(text);
  EXPECT_TRUE(s.status().ok()) << s.status();
  if (!s.status().ok())
    return std::vector<T>(a.size());
  std::uint64_t out = s.fresh(a.size() * sizeof(T));
  LaunchResult result = s.run("k", {1}, {static_cast<std::uint32_t>(a.size())}, s.upload(a),
                              s.upload(b), s.upload(c), out);
  EXPECT_EQ(faultOf(result), "");
  return s.download<T>(out, a.size());
}

} // namespace

Simulation::Simulation(std::string_view text, std::string_view fileName) {
  options.threads = 1;
  auto parsed = Module::parse(text, fileName);
  status_ = parsed.status();
  if (!parsed.ok())
    return;
  module_ = *parsed;
  auto instance = ModuleInstance::create(module_, memory_);
  status_ = instance.status();
  if (instance.ok())
    instance_ = *std::move(instance);
}

std::string kernelText(std::string_view body, int parameters) {
  std::string text = ".version 8.6\n.target sm_90a\n.address_size 64\n.visible .entry k(";
  for (int p = 0; p < parameters; ++p)
    text += (p ? ", " : "") + std::string(".param .u64 p") + std::to_string(p);
  text += ") {\n.reg .pred %p<20>; .reg .b16 %h<100>; .reg .b32 %r<100>; .reg .b64 %w<100>;\n.reg "
          ".f32 %f<100>; .reg .f64 %d<100>;\n";
  for (int p = 0; p < parameters; ++p)
    text += "ld.param.u64 %w" + std::to_string(90 + p) + ", [p" + std::to_string(p) + "];\n";
  text += "mov.u32 %r90, %tid.x;\n";
  return text.append(body).append("\nret;\n}\n");
}

std::vector<std::uint32_t> mapWords3(std::string_view body, const std::vector<std::uint32_t> &a,
                                     const std::vector<std::uint32_t> &b,
                                     const std::vector<std::uint32_t> &c) {
  std::string text =
      "mul.wide.u32 %w80, %r90, 4; add.u64 %w81, %w90, %w80; add.u64 %w82, %w91, %w80; add.u64 "
      "%w83, %w92, %w80; add.u64 %w84, %w93, %w80;\n"
      "ld.global.u32 %r0, [%w81]; ld.global.u32 %r2, [%w82]; ld.global.u32 %r3, [%w83];\n";
  return map3(kernelText(text.append(body).append("\nst.global.u32 [%w84], %r1;"), 4), a, b, c);
}
std::vector<std::uint32_t> mapWords(std::string_view body, const std::vector<std::uint32_t> &in) {
  return mapWords3(body, in, in, in);
}

std::vector<std::uint64_t> mapLongs3(std::string_view body, const std::vector<std::uint64_t> &a,
                                     const std::vector<std::uint64_t> &b,
                                     const std::vector<std::uint64_t> &c) {
  std::string text =
      "mul.wide.u32 %w80, %r90, 8; add.u64 %w81, %w90, %w80; add.u64 %w82, %w91, %w80; add.u64 "
      "%w83, %w92, %w80; add.u64 %w84, %w93, %w80;\n"
      "ld.global.u64 %w0, [%w81]; ld.global.u64 %w2, [%w82]; ld.global.u64 %w3, [%w83];\n";
  return map3(kernelText(text.append(body).append("\nst.global.u64 [%w84], %w1;"), 4), a, b, c);
}

std::string faultOf(const LaunchResult &result) {
  return result.fault ? result.fault->toString() : "";
}

} // namespace qvlsim::test
