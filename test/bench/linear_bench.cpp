// Throughput of qvl.linear and of a gated unit in one qvl.fused_linear on one thread, as a share of
// the peak of multiply-adds measured in the same process: of f32, or of pairs of bf16.
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

constexpr int kBf16PeakChains = 12;

/// The same with dot products of pairs of bf16, whose latency of six needs twelve chains. In
/// assembly: the intrinsic's chains do not stay in registers.
__attribute__((target("avx512f,avx512bf16"), noinline)) float peakAvx512Bf16() {
  typedef float Vector __attribute__((vector_size(64)));
  Vector sums[kBf16PeakChains] = {}, x = {}, y = {};
  for (long i = 0; i < kPeakSteps; ++i)
    _Pragma("unroll") for (int c = 0; c < kBf16PeakChains; ++c) asm volatile(
        "vdpbf16ps %1, %2, %0" : "+v"(sums[c]) : "v"(x), "v"(y));
  float total = 0;
  for (int c = 0; c < kBf16PeakChains; ++c)
    total += sums[c][0];
  return total;
}

double peakGigaflops(const mlir::qvl::X86FeatureSet &features) {
  auto peak = features.bf16Products ? peakAvx512Bf16 : features.avx512 ? peakAvx512 : peakAvx2;
  volatile float sink = 0;
  double time = bestOf(7, [&] { sink = peak(); });
  double products =
      features.bf16Products ? 32 * kBf16PeakChains : (features.avx512 ? 16 : 8) * kPeakChains;
  return 2 * kPeakSteps * products / time * 1e-9;
}

qvl_kernel loadKernel(const std::string &object) {
  int file = memfd_create("kernel", MFD_CLOEXEC);
  if (write(file, object.data(), object.size()) != static_cast<ssize_t>(object.size()))
    std::abort();
  void *library = dlopen(("/proc/self/fd/" + std::to_string(file)).c_str(), RTLD_NOW);
  return reinterpret_cast<qvl_kernel>(dlsym(library, "linear"));
}

/// A projection of `rows` rows by `weights` matrices [n, k], two of them in turns.
struct Product {
  int64_t rows, n, k;
  bool bf16;     // weights
  bool bf16Rows; // activations
  int weights;   // two: silu(x·Wgᵀ) · (x·Wuᵀ)

  double flops() const { return 2.0 * rows * n * k * weights; }
  int64_t weightBytes() const { return weights * n * k * (bf16 ? 2 : 4); }
};

std::string kernelText(const Product &p) {
  std::string ks = std::to_string(p.k), ns = std::to_string(p.n), element = p.bf16 ? "bf16" : "f32";
  std::string weightRows = std::to_string(p.n * p.weights), rows = p.bf16Rows ? "xbf16>" : "xf32>";
  std::string x = "tensor<?x" + ks + rows,
              w = "tensor<" + weightRows + "x" + ks + "x" + element + ">",
              y = "tensor<?x" + ns + rows;
  std::string stored = w + " {qvl.encoding = #qvl.panel<n = 32, k_group = " + (p.bf16 ? "2" : "1") +
                       ", element = " + element + ", pad_n = " + weightRows + ", pad_k = " + ks +
                       (p.weights == 2 ? ", interleave = 8>}" : ">}");
  if (p.weights == 1)
    return "func.func @linear(%x: " + x + ", %w: " + stored + ") -> " + y +
           " {\n %y = qvl.linear %x, %w : " + x + ", " + w + " -> " + y + "\n return %y : " + y +
           "\n}";
  return "func.func @linear(%x: " + x + ", %w: " + stored + ") -> " + y +
         " {\n %y = qvl.fused_linear %x, (%w) : " + x + ", (" + w + ") -> " + y +
         R"( {
           ^bb0(%gate: f32, %up: f32):
             %0 = arith.negf %gate : f32
             %1 = math.exp %0 : f32
             %one = arith.constant 1.0 : f32
             %2 = arith.addf %one, %1 : f32
             %3 = arith.divf %gate, %2 : f32
             %4 = arith.mulf %3, %up : f32
             qvl.yield %4 : f32
           }
           return %y : )" +
         y + "\n}";
}

/// The operands and the result of a product; the values do not matter.
class Buffers {
public:
  explicit Buffers(const Product &p) {
    void *rows = allocate(p.rows * p.k * 4);
    if (p.bf16Rows)
      std::fill_n(static_cast<uint16_t *>(rows), p.rows * p.k, 0x3f00);
    else
      std::fill_n(static_cast<float *>(rows), p.rows * p.k, 0.5f);
    std::fill_n(static_cast<uint16_t *>(allocate(p.weightBytes())), p.weightBytes() / 2, 0x3f00);
    allocate(p.rows * p.n * 4);
  }
  ~Buffers() { llvm::for_each(memory, std::free); }
  void *const *data() const { return memory.data(); }

private:
  void *allocate(size_t bytes) {
    return memory.emplace_back(std::aligned_alloc(64, (bytes + 63) / 64 * 64));
  }
  std::vector<void *> memory;
};

void bench(const mlir::qvl::X86FeatureSet &features, const Product &p, double peak) {
  mlir::DialectRegistry registry;
  mlir::qvl::registerX86CodegenDialects(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(kernelText(p), &context);
  auto function = *module->getOps<mlir::func::FuncOp>().begin();
  mlir::qvl::KernelDumpOptions dump;
  if (const char *directory = std::getenv("QVL_BENCH_DUMP"))
    dump.directory = directory;
  double begin = seconds();
  auto object = mlir::qvl::compileX86(function, features, dump);
  double compileTime = seconds() - begin;
  qvl_kernel kernel = loadKernel(*object);
  auto grid = *mlir::qvl::tileGrid(function);
  int64_t tiles = (p.rows + grid.rowsPerTile - 1) / grid.rowsPerTile * grid.columnTiles;
  Buffers buffers(p);
  int64_t scalars[] = {p.rows, p.rows};
  int64_t scratchBytes = mlir::qvl::scratchBytes(function);
  std::unique_ptr<void, decltype(&std::free)> scratch(
      scratchBytes ? std::aligned_alloc(64, scratchBytes) : nullptr, std::free);
  qvl_kernel_context lent{scratch.get(), scratchBytes, 0};
  // Small products take the shortest time of many runs, large ones are long enough for few.
  int runs = p.flops() > 1e10 ? 3 : 9;
  double time = bestOf(runs, [&] { kernel(&lent, buffers.data(), scalars, 0, tiles); });
  double rate = p.flops() / time * 1e-9;
  llvm::outs() << features.name << " " << (p.bf16Rows ? "bf16 rows, " : "")
               << (p.bf16 ? "bf16 " : "f32 ") << (p.weights == 2 ? "gated unit " : "linear ")
               << p.rows << "x" << p.n << "x" << p.k
               << llvm::format(
                      ": %.1f GFLOP/s, %.0f %% of %.1f, weights %.1f GB/s, compiled in %.0f ms\n",
                      rate, 100 * rate / peak, peak, p.weightBytes() / time * 1e-9,
                      compileTime * 1e3);
}

} // namespace

int main() {
  for (llvm::StringRef name : {"v3", "v4", "v4+bf16"}) {
    auto features = *mlir::qvl::X86FeatureSet::named(name);
    if (!features.supportedByHost())
      continue;
    double peak = peakGigaflops(features);
    for (auto [bf16, bf16Rows] : {std::pair(false, false), {true, false}, {true, true}}) {
      if (!features.isLevel() && !bf16Rows)
        continue; // as for its level
      for (int64_t rows : {256, 4, 2, 1})
        bench(features, {rows, 2048, 2048, bf16, bf16Rows, 1}, peak);
      for (int64_t rows : {256, 1}) // the gated unit of the 3B model
        bench(features, {rows, 11008, 2048, bf16, bf16Rows, 2}, peak);
    }
  }
}
