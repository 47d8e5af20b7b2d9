// Throughput of qvl.linear on one thread as a share of the FMA peak measured in the same process.
// Not a test: run it by hand on a quiet machine.

#include "dialects/qvl/IR/Qvl.h"
#include "qvl/Codegen/TileGrid.h"
#include "qvl/Codegen/X86.h"
#include "qvlfmt/KernelAbi.h"

#include "mlir/Parser/Parser.h"
#include "llvm/Support/Format.h"

#include <cstdlib>
#include <dlfcn.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <vector>

namespace {

/// CPU time of this thread: other load on the machine does not count.
double seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec + 1e-9 * now.tv_nsec;
}

template <typename Body> double bestOf(int runs, Body body) {
  double best = 1e30;
  for (int i = 0; i < runs; ++i) {
    double begin = seconds();
    body();
    best = std::min(best, seconds() - begin);
  }
  return best;
}

constexpr long kPeakSteps = 1 << 20;
constexpr int kPeakChains = 10;

/// Ten independent chains of fused multiply-adds in registers: two units of latency four need
/// eight.
#define QVL_PEAK_LOOP(NAME, FEATURES, LANES)                                                       \
  __attribute__((target(FEATURES), noinline)) float NAME() {                                       \
    typedef float Vector __attribute__((vector_size(LANES * 4)));                                  \
    Vector sums[kPeakChains] = {}, x = Vector{} + 1.0f, y = Vector{} + 1e-6f;                      \
    asm volatile("" : "+x"(x), "+x"(y));                                                           \
    for (long i = 0; i < kPeakSteps; ++i)                                                          \
      _Pragma("unroll") for (int c = 0; c < kPeakChains; ++c) sums[c] =                            \
          __builtin_elementwise_fma(x, y, sums[c]);                                                \
    float total = 0;                                                                               \
    for (int c = 0; c < kPeakChains; ++c)                                                          \
      total += sums[c][0];                                                                         \
    return total;                                                                                  \
  }
QVL_PEAK_LOOP(peakAvx2, "avx2,fma", 8)
QVL_PEAK_LOOP(peakAvx512, "avx512f", 16)

double peakGigaflops(bool avx512) {
  volatile float sink = 0;
  double time = bestOf(7, [&] { sink = avx512 ? peakAvx512() : peakAvx2(); });
  return 2.0 * kPeakSteps * kPeakChains * (avx512 ? 16 : 8) / time * 1e-9;
}

qvl_kernel loadKernel(const std::string &object) {
  int file = memfd_create("kernel", MFD_CLOEXEC);
  if (write(file, object.data(), object.size()) != static_cast<ssize_t>(object.size()))
    std::abort();
  void *library = dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW);
  return reinterpret_cast<qvl_kernel>(dlsym(library, "linear"));
}

void bench(const mlir::qvl::X86FeatureSet &features, bool bf16, int64_t rows, int64_t n, int64_t k,
           double peak) {
  std::string ks = std::to_string(k), ns = std::to_string(n), element = bf16 ? "bf16" : "f32";
  std::string x = "tensor<?x" + ks + "xf32>", w = "tensor<" + ns + "x" + ks + "x" + element + ">",
              y = "tensor<?x" + ns + "xf32>";
  std::string text = "func.func @linear(%x: " + x + ", %w: " + w +
                     " {qvl.encoding = #qvl.panel<n = 32, k_group = " + (bf16 ? "2" : "1") +
                     ", element = " + element + ", pad_n = " + ns + ", pad_k = " + ks + ">}) -> " +
                     y + " {\n %y = qvl.linear %x, %w : " + x + ", " + w + " -> " + y +
                     "\n return %y : " + y + "\n}";
  mlir::DialectRegistry registry;
  mlir::qvl::registerX86CodegenDialects(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  auto function = *module->getOps<mlir::func::FuncOp>().begin();
  mlir::qvl::KernelDumpOptions dump;
  if (const char *directory = std::getenv("QVL_BENCH_DUMP"))
    dump.directory = directory;
  double begin = seconds();
  auto object = mlir::qvl::compileX86(function, features, dump);
  double compileTime = seconds() - begin;
  qvl_kernel kernel = loadKernel(*object);
  auto grid = *mlir::qvl::tileGrid(function);
  int64_t tiles = (rows + grid.rowsPerTile - 1) / grid.rowsPerTile * grid.columnTiles;

  auto aligned = [](size_t bytes) { return std::aligned_alloc(64, (bytes + 63) / 64 * 64); };
  std::vector<void *> buffers{aligned(rows * k * 4), aligned(n * k * (bf16 ? 2 : 4)),
                              aligned(rows * n * 4)};
  std::fill_n(static_cast<float *>(buffers[0]), rows * k, 0.5f);
  std::fill_n(static_cast<uint16_t *>(buffers[1]), n * k * (bf16 ? 1 : 2), 0x3f00);
  int64_t scalars[] = {rows, rows};
  qvl_kernel_context lent{nullptr, 0, 0};
  double time = bestOf(9, [&] { kernel(&lent, buffers.data(), scalars, 0, tiles); });
  double rate = 2.0 * rows * n * k / time * 1e-9;
  llvm::outs() << features.name << " " << element << " " << rows << "x" << n << "x" << k
               << llvm::format(
                      ": %.1f GFLOP/s, %.0f %% of %.1f, weights %.1f GB/s, compiled in %.0f ms\n",
                      rate, 100 * rate / peak, peak, n * k * (bf16 ? 2 : 4) / time * 1e-9,
                      compileTime * 1e3);
  for (void *buffer : buffers)
    std::free(buffer);
}

} // namespace

int main() {
  for (llvm::StringRef name : {"v3", "v4"}) {
    auto features = *mlir::qvl::X86FeatureSet::named(name);
    if (!features.supportedByHost())
      continue;
    double peak = peakGigaflops(features.avx512);
    for (bool bf16 : {false, true})
      for (int64_t rows : {256, 4, 2, 1})
        bench(features, bf16, rows, 2048, 2048, peak);
  }
}
