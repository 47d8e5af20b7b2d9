#include "Program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

namespace qvlsim::test {
namespace {

/// The body without the marks, or without the marked text.
std::string resolve(std::string_view body, bool keep) {
  std::string text;
  while (true) {
    const std::size_t open = body.find("<<");
    text += body.substr(0, open);
    if (open == std::string_view::npos)
      return text;
    const std::size_t close = body.find(">>", open);
    if (keep)
      text += body.substr(open + 2, close - open - 2);
    body.remove_prefix(close + 2);
  }
}

std::string kernel(std::string_view body) {
  std::string prologue =
      ".shared .align 1024 .b8 tile[16384]; .shared .align 8 .b64 bars[8];\n"
      "and.b32 %r91, %r90, 31; shr.u32 %r92, %r90, 5; shl.b32 %r93, %r90, 2; mov.u32 %r95, "
      "%ctaid.x;\n"
      "setp.eq.u32 %p19, %r90, 0; setp.eq.u32 %p18, %r91, 0;\n"
      "mov.u32 %r94, tile; mad.lo.u32 %r94, %r90, 16, %r94; mov.u32 %r89, 0;\n"
      "st.shared.v4.u32 [%r94], {%r89, %r89, %r89, %r89}; fence.proxy.async; bar.sync 0;\n"
      "mul.wide.u32 %w80, %r90, 4; add.u64 %w81, %w93, %w80; add.u64 %w80, %w90, %w80;\n";
  return kernelText(prologue.append(body), 4);
}

std::vector<std::string> faultsOf(const RaceProgram &program, bool marked) {
  std::vector<std::string> faults;
  for (const AsyncMode mode : {AsyncMode::Late, AsyncMode::Early})
    for (const std::uint64_t seed : {0, 3, 7}) {
      Simulation s(kernel(resolve(program.body, marked)));
      EXPECT_TRUE(s.status().ok()) << s.status();
      if (!s.status().ok())
        return {"no program"};
      s.options.async = mode;
      s.options.seed = seed;
      s.options.cluster = program.cluster;
      std::vector<std::uint32_t> values(4096);
      std::iota(values.begin(), values.end(), 0);
      const auto a = s.upload(values), b = s.upload(values), c = s.upload(values);
      const auto zeros = s.upload(std::vector<std::uint32_t>(values.size(), 0));
      faults.push_back(faultOf(s.run("k", program.grid, program.block, a, b, c, zeros)));
    }
  return faults;
}

} // namespace

std::string raceOf(const RaceProgram &program, bool marked) {
  for (const std::string &fault : faultsOf(program, marked))
    if (!fault.empty())
      return fault;
  return "";
}

void expectClean(const RaceProgram &program) { EXPECT_EQ(raceOf(program, true), ""); }

void expectRule(const RaceProgram &program, std::string_view kind) {
  expectClean(program);
  for (const std::string &fault : faultsOf(program, false)) {
    EXPECT_NE(fault, "");
    EXPECT_THAT(fault, testing::StartsWith(std::string(kind)));
  }
}

void expectAsyncRule(const RaceProgram &program, std::string_view kind) {
  expectClean(program);
  const std::vector<std::string> faults = faultsOf(program, false);
  for (std::size_t f = 0; f < faults.size(); ++f)
    EXPECT_THAT(faults[f],
                testing::AnyOf(testing::StartsWith(std::string(kind)),
                               testing::StartsWith(f < faults.size() / 2 ? "uninitialised-read"
                                                                         : std::string(kind))));
}

} // namespace qvlsim::test
