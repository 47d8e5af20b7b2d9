// Throughput of the PTX simulator on one host thread: warp instructions a second in plain code,
// operations a second through mma.sync and wgmma, each with the race checks on and off. CPU time,
// so that other load counts little. Not a test: run it by hand.

#include "qvlsim/Launch.h"

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include <benchmark/benchmark.h>

#include <cstring>
#include <fstream>
#include <sstream>

namespace {

using qvlsim::Dim3;

/// Kernel parameters in the order of their declaration, each aligned to its size.
class Parameters {
public:
  template <typename T> Parameters &add(T value) {
    bytes.resize((bytes.size() + sizeof value - 1) / sizeof value * sizeof value + sizeof value);
    std::memcpy(bytes.data() + bytes.size() - sizeof value, &value, sizeof value);
    return *this;
  }
  std::vector<std::byte> bytes;
};

/// A kernel with its device memory, ready to be launched again and again.
class Kernel {
public:
  Kernel(const std::string &text, const std::string &name) : name(name) {
    auto module = qvlsim::Module::parse(text, name);
    check(module.status());
    auto made = qvlsim::ModuleInstance::create(*module, memory);
    check(made.status());
    instance = *std::move(made);
  }
  std::uint64_t buffer(std::uint64_t bytes) {
    auto address = memory.allocate(bytes, 256);
    check(address.status());
    check(memory.fill(*address, std::byte{0}, bytes));
    return *address;
  }
  /// Warp instructions of one launch.
  std::uint64_t launch(Dim3 grid, Dim3 block, std::uint32_t sharedBytes, bool races) {
    qvlsim::LaunchOptions options;
    options.grid = grid;
    options.block = block;
    options.dynamicSharedBytes = sharedBytes;
    options.threads = 1;
    options.races = races;
    const auto result = qvlsim::launch(*instance, name, parameters.bytes, memory, options);
    if (result.fault)
      check(absl::InternalError(result.fault->toString()));
    return result.counts.warpInstructions;
  }
  Parameters parameters;

private:
  static void check(const absl::Status &status) {
    if (status.ok())
      return;
    absl::FPrintF(stderr, "qvl-ptxsim-bench: error: %s\n", std::string(status.message()));
    std::exit(1);
  }
  std::string name;
  qvlsim::DeviceMemory memory{std::uint64_t{1} << 30};
  std::unique_ptr<qvlsim::ModuleInstance> instance;
};

std::string readFile(const std::string &path) {
  std::ifstream file(QVL_SOURCE_DIR "/test/ptx/" + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Launches until the benchmark has time enough; `operations` are those of one launch.
void measure(benchmark::State &state, Kernel &kernel, Dim3 grid, Dim3 block, std::uint32_t shared,
             double operations) {
  const bool races = state.range(0) != 0;
  std::uint64_t instructions = 0, launches = 0;
  for (auto step : state) {
    instructions += kernel.launch(grid, block, shared, races);
    ++launches;
  }
  using benchmark::Counter;
  state.counters["warp_instructions"] =
      Counter(static_cast<double>(instructions), Counter::kIsRate, Counter::kIs1000);
  if (operations > 0)
    state.counters["operations"] =
        Counter(operations * static_cast<double>(launches), Counter::kIsRate, Counter::kIs1000);
}

// Plain code: what nvcc made of a matrix multiplication tiled in shared memory and of a reduction.

void plainGemm(benchmark::State &state) {
  constexpr int kSize = 64;
  Kernel kernel(readFile("nvcc/gemm.ptx"), "gemm");
  for (int matrix = 0; matrix < 3; ++matrix)
    kernel.parameters.add(kernel.buffer(4 * kSize * kSize));
  kernel.parameters.add(kSize).add(kSize).add(kSize);
  measure(state, kernel, {kSize / 16, kSize / 16}, {16, 16}, 0, 0);
}

void plainReduction(benchmark::State &state) {
  constexpr int kCount = 1 << 15;
  Kernel kernel(readFile("nvcc/reduction.ptx"), "reduction");
  const std::uint64_t values = kernel.buffer(4 * kCount), sum = kernel.buffer(4);
  kernel.parameters.add(values).add(sum).add(kCount);
  measure(state, kernel, {8}, {256}, 0, 0);
}

// Matrix instructions in a loop, with registers that nothing else touches.

constexpr int kSteps = 64, kChains = 4;

std::string registers(const char *prefix, int first, int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i)
    names.push_back(absl::StrFormat("%%%s%d", prefix, first + i));
  return "{" + absl::StrJoin(names, ", ") + "}";
}

std::string loopKernel(const std::string &shared, const std::string &body, int accumulators) {
  std::string zero;
  for (int i = 0; i < 8; ++i)
    zero += absl::StrFormat("  mov.b32 %%r%d, 0;\n", i);
  for (int i = 0; i < accumulators; ++i)
    zero += absl::StrFormat("  mov.b32 %%c%d, 0;\n", i);
  return absl::StrFormat(
      ".version 8.4\n.target sm_90a\n.address_size 64\n%s\n.visible .entry loop() {\n"
      "  .reg .b32 %%r<8>, %%c<%d>, %%i;\n  .reg .b64 %%d;\n  .reg .pred %%p, %%q;\n%s"
      "  mov.u32 %%i, 0; setp.eq.u32 %%q, %%i, 0;\n%s"
      "  add.u32 %%i, %%i, 1; setp.lt.u32 %%p, %%i, %d; @%%p bra L;\n  ret;\n}\n",
      shared, accumulators, zero, body, kSteps);
}

struct MmaForm {
  const char *shape, *types;
  int a, b, c; // registers of the fragments
  int depth;
};

void mmaSync(benchmark::State &state, MmaForm form) {
  std::string body = "L:\n";
  for (int chain = 0; chain < kChains; ++chain) {
    const std::string sums = registers("c", chain * form.c, form.c);
    body += absl::StrFormat("  mma.sync.aligned.%s.row.col.%s %s, %s, %s, %s;\n", form.shape,
                            form.types, sums, registers("r", 0, form.a), registers("r", 0, form.b),
                            sums);
  }
  Kernel kernel(loopKernel("", body, kChains * form.c), "loop");
  measure(state, kernel, {1}, {32}, 0, 2.0 * 16 * 8 * form.depth * kSteps * kChains);
}

struct WgmmaForm {
  const char *types, *immediates;
  int depth;
};

/// A warpgroup multiplies 64 x 64 tiles without swizzle; all operands are zero.
void wgmma(benchmark::State &state, WgmmaForm form) {
  constexpr int kColumns = 64;
  const std::string fill =
      "  mov.u32 %r0, %tid.x; mov.u32 %r1, tile; mad.lo.u32 %r0, %r0, 16, %r1;\n"
      "  st.shared.v4.b32 [%r0], {%r2, %r2, %r2, %r2};\n"
      "  fence.proxy.async.shared::cta; bar.sync 0;\n"
      "  shr.u32 %r1, %r1, 4; cvt.u64.u32 %d, %r1; add.u64 %d, %d, 0x1000080000;\n";
  std::string body = fill + "L: wgmma.fence.sync.aligned;\n";
  for (int chain = 0; chain < kChains; ++chain)
    body += absl::StrFormat("  wgmma.mma_async.sync.aligned.m64n%dk%d.%s %s, %%d, %%d, %%q%s;\n",
                            kColumns, form.depth, form.types, registers("c", 0, kColumns / 2),
                            form.immediates);
  body += "  wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;\n";
  Kernel kernel(loopKernel(".shared .align 128 .b8 tile[2048];", body, kColumns / 2), "loop");
  measure(state, kernel, {1}, {128}, 0, 2.0 * 64 * kColumns * form.depth * kSteps * kChains);
}

/// A whole kernel: tiles of 128 x 128, cp.async, ldmatrix and mma.sync.
void mmaGemm(benchmark::State &state) {
  Kernel kernel(readFile("kernels/gemm_mma.ptx"), "gemm");
  for (int matrix = 0; matrix < 3; ++matrix)
    kernel.parameters.add(kernel.buffer(2 * 256 * 512));
  measure(state, kernel, {2, 2}, {128}, 61440, 2.0 * 256 * 256 * 512);
}

void declare() {
  const auto add = [](const std::string &name, auto function) {
    benchmark::RegisterBenchmark(name.c_str(), function)
        ->ArgName("races")
        ->Arg(1)
        ->Arg(0)
        ->MeasureProcessCPUTime()
        ->Unit(benchmark::kMillisecond);
  };
  add("plain/gemm", plainGemm);
  add("plain/reduction", plainReduction);
  const std::pair<const char *, MmaForm> mmas[] = {
      {"mma.sync/bf16", {"m16n8k16", "f32.bf16.bf16.f32", 4, 2, 4, 16}},
      {"mma.sync/f16", {"m16n8k16", "f32.f16.f16.f32", 4, 2, 4, 16}},
      {"mma.sync/f16-f16", {"m16n8k16", "f16.f16.f16.f16", 4, 2, 2, 16}},
      {"mma.sync/tf32", {"m16n8k8", "f32.tf32.tf32.f32", 4, 2, 4, 8}},
      {"mma.sync/s8", {"m16n8k32", "s32.s8.s8.s32", 4, 2, 4, 32}},
      {"mma.sync/e4m3", {"m16n8k32", "f32.e4m3.e4m3.f32", 4, 2, 4, 32}}};
  for (const auto &[name, form] : mmas)
    add(name, [form = form](benchmark::State &state) { mmaSync(state, form); });
  const std::pair<const char *, WgmmaForm> wgmmas[] = {
      {"wgmma/bf16", {"f32.bf16.bf16", ", 1, 1, 0, 0", 16}},
      {"wgmma/f16", {"f32.f16.f16", ", 1, 1, 0, 0", 16}},
      {"wgmma/tf32", {"f32.tf32.tf32", ", 1, 1", 8}},
      {"wgmma/s8", {"s32.s8.s8", "", 32}},
      {"wgmma/e4m3", {"f32.e4m3.e4m3", ", 1, 1", 32}}};
  for (const auto &[name, form] : wgmmas)
    add(name, [form = form](benchmark::State &state) { wgmma(state, form); });
  add("kernel/gemm_mma", mmaGemm);
}

} // namespace

int main(int argc, char **argv) {
  declare();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv))
    return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
