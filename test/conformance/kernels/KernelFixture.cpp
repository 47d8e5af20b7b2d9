#include "KernelFixture.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"

#include <bit>
#include <cstring>
#include <dlfcn.h>
#include <limits>
#include <sys/mman.h>
#include <unistd.h>

namespace qvl::test {
namespace {

constexpr uint8_t kPattern = 0xff; // read as a float it is NaN
constexpr size_t kAlignment = 64;

size_t roundUp(size_t value, size_t unit) { return (value + unit - 1) / unit * unit; }

/// An unnamed file of a shared object.
int createFile(const std::string &bytes) {
  int file = memfd_create("kernel", MFD_CLOEXEC);
  EXPECT_GE(file, 0);
  EXPECT_EQ(write(file, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  return file;
}

} // namespace

GuardedBuffer::GuardedBuffer(size_t bytes) : bytes(bytes) {
  size_t page = sysconf(_SC_PAGESIZE), body = roundUp(bytes, kAlignment);
  size_t accessible = roundUp(body + kAlignment, page);
  mappingBytes = accessible + page;
  mapping = mmap(nullptr, mappingBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  EXPECT_NE(mapping, MAP_FAILED);
  EXPECT_EQ(mprotect(static_cast<char *>(mapping) + accessible, page, PROT_NONE), 0);
  std::memset(mapping, kPattern, accessible);
  base = static_cast<char *>(mapping) + accessible - body;
}

GuardedBuffer::GuardedBuffer(GuardedBuffer &&other) noexcept
    : mapping(std::exchange(other.mapping, nullptr)), mappingBytes(other.mappingBytes),
      base(other.base), bytes(other.bytes) {}

GuardedBuffer::~GuardedBuffer() {
  if (mapping)
    munmap(mapping, mappingBytes);
}

bool GuardedBuffer::intact() const {
  auto patterned = [](const uint8_t *begin, const uint8_t *end) {
    return std::all_of(begin, end, [](uint8_t byte) { return byte == kPattern; });
  };
  auto *begin = static_cast<const uint8_t *>(base), *end = begin + bytes;
  return patterned(static_cast<const uint8_t *>(mapping), begin) &&
         patterned(end, begin + roundUp(bytes, kAlignment));
}

std::unique_ptr<CompiledKernel> CompiledKernel::create(const std::string &text,
                                                       const std::string &features) {
  mlir::DialectRegistry registry;
  mlir::qvl::registerX86CodegenDialects(registry);
  mlir::MLIRContext context(registry);
  context.loadAllAvailableDialects();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  EXPECT_TRUE(module) << text;
  auto function = *module->getOps<mlir::func::FuncOp>().begin();
  auto grid = mlir::qvl::tileGrid(function);
  auto object = mlir::qvl::compileX86(function, *mlir::qvl::X86FeatureSet::named(features));
  EXPECT_TRUE(mlir::succeeded(grid) && mlir::succeeded(object)) << text;
  auto kernel = std::make_unique<CompiledKernel>();
  kernel->grid = *grid;
  kernel->scratchBytes = mlir::qvl::scratchBytes(function);
  kernel->file = createFile(*object);
  std::string path = "/proc/self/fd/" + std::to_string(kernel->file);
  kernel->library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  EXPECT_NE(kernel->library, nullptr) << dlerror();
  kernel->entry =
      reinterpret_cast<qvl_kernel>(dlsym(kernel->library, function.getName().str().c_str()));
  EXPECT_NE(kernel->entry, nullptr);
  return kernel;
}

CompiledKernel::~CompiledKernel() {
  if (library)
    dlclose(library);
  if (file >= 0)
    close(file);
}

int64_t CompiledKernel::tiles(int64_t rows) const {
  return (rows + grid.rowsPerTile - 1) / grid.rowsPerTile * grid.columnTiles;
}

void CompiledKernel::run(std::span<void *const> buffers, std::span<const int64_t> scalars,
                         int64_t begin, int64_t end) const {
  GuardedBuffer scratch(scratchBytes); // full of the pattern: reading before writing gives NaN
  std::memset(scratch.data(), kPattern, scratchBytes);
  qvl_kernel_context context{scratch.data(), scratchBytes, 0};
  entry(&context, buffers.data(), scalars.data(), begin, end);
  EXPECT_TRUE(scratch.intact()) << "the kernel wrote behind its scratch memory";
}

void KernelTest::SetUp() {
  auto features = mlir::qvl::X86FeatureSet::named(GetParam());
  if (features && !features->supportedByHost())
    GTEST_SKIP() << "this CPU lacks the feature set " << GetParam();
}

std::vector<float> KernelTest::uniform(size_t count) {
  std::uniform_real_distribution<float> distribution(-1, 1);
  std::vector<float> values(count);
  for (float &value : values)
    value = distribution(random);
  return values;
}

uint16_t toBf16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

float fromBf16(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

} // namespace qvl::test
