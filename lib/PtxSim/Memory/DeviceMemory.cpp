#include "qvlsim/DeviceMemory.h"

#include "Memory/AddressSpaces.h"
#include "absl/strings/str_format.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <sys/mman.h>

namespace qvlsim {
namespace {

constexpr std::uint64_t kGuard = 4096;
constexpr std::byte kFresh{0xFF};

/// Anonymous pages; null when there are none.
void *mapPages(std::uint64_t bytes) {
  void *pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return pages == MAP_FAILED ? nullptr : pages;
}

} // namespace

/// Data and initialised bytes; both come as zero pages, so untouched memory costs nothing.
struct DeviceMemory::Storage {
  std::byte *data = nullptr;
  std::uint8_t *initialised = nullptr;
  std::uint64_t bytes = 0;
  ~Storage() {
    if (data != nullptr)
      munmap(data, bytes);
    if (initialised != nullptr)
      munmap(initialised, bytes);
  }
};

DeviceMemory::DeviceMemory(std::uint64_t limit) : limit_(limit), next_(kGlobalBase + (1 << 20)) {}
DeviceMemory::~DeviceMemory() = default;

absl::StatusOr<std::uint64_t> DeviceMemory::takeAddresses(std::uint64_t bytes,
                                                          std::uint64_t align) {
  if (!std::has_single_bit(align) || align > (std::uint64_t{1} << 40))
    return absl::InvalidArgumentError(absl::StrFormat("alignment %d is not a power of two", align));
  align = std::max<std::uint64_t>(align, 256);
  std::uint64_t address = (next_ + align - 1) & ~(align - 1);
  if (bytes > kGlobalEnd - kGlobalBase || address > kGlobalEnd - bytes)
    return absl::ResourceExhaustedError("the simulated device's addresses are used up");
  next_ = address + bytes + kGuard;
  return address;
}

absl::StatusOr<DeviceMemory::Entry> DeviceMemory::makeEntry(std::uint64_t address,
                                                            std::uint64_t bytes, bool readOnly) {
  if (bytes > limit_ - allocated_)
    return absl::ResourceExhaustedError(absl::StrFormat(
        "out of device memory: %d bytes asked, %d of %d in use", bytes, allocated_, limit_));
  Entry entry;
  entry.storage = std::make_shared<Storage>();
  entry.storage->bytes = bytes;
  entry.storage->data = static_cast<std::byte *>(mapPages(bytes));
  entry.storage->initialised = static_cast<std::uint8_t *>(mapPages(bytes));
  if (entry.storage->data == nullptr || entry.storage->initialised == nullptr)
    return absl::ResourceExhaustedError(
        absl::StrFormat("out of host memory: %d bytes for device memory", bytes));
  entry.region = {address,  bytes,    entry.storage->data, entry.storage->initialised,
                  readOnly, nextId_++};
  allocated_ += bytes;
  return entry;
}

void DeviceMemory::insert(Entry entry) {
  auto at = std::upper_bound(entries_.begin(), entries_.end(), entry.region.address,
                             [](std::uint64_t a, const Entry &e) { return a < e.region.address; });
  entries_.insert(at, std::move(entry));
  cached_ = nullptr;
}

absl::Status DeviceMemory::erase(std::uint64_t address, bool mapped, bool host, const char *what) {
  for (auto at = entries_.begin(); at != entries_.end(); ++at)
    if (at->region.address == address && at->mapped == mapped && at->host == host) {
      if (!host)
        allocated_ -= at->region.bytes;
      entries_.erase(at);
      cached_ = nullptr;
      return absl::OkStatus();
    }
  return absl::InvalidArgumentError(absl::StrFormat("%s starts at address %#x", what, address));
}

absl::StatusOr<std::uint64_t> DeviceMemory::allocate(std::uint64_t bytes, std::uint64_t align,
                                                     bool readOnly) {
  std::lock_guard lock(mutex_);
  bytes = std::max<std::uint64_t>(bytes, 1);
  if (bytes > limit_ - allocated_) // before addresses are taken
    return absl::ResourceExhaustedError(absl::StrFormat(
        "out of device memory: %d bytes asked, %d of %d in use", bytes, allocated_, limit_));
  auto address = takeAddresses(bytes, align);
  if (!address.ok())
    return address;
  auto entry = makeEntry(*address, bytes, readOnly);
  if (!entry.ok())
    return entry.status();
  insert(*std::move(entry));
  return address;
}

absl::Status DeviceMemory::free(std::uint64_t address) {
  std::lock_guard lock(mutex_);
  return erase(address, false, false, "no allocation");
}

absl::StatusOr<std::uint64_t> DeviceMemory::reserve(std::uint64_t bytes, std::uint64_t align) {
  std::lock_guard lock(mutex_);
  auto address = takeAddresses(bytes, align);
  if (address.ok())
    reservations_.push_back({*address, bytes});
  return address;
}

absl::Status DeviceMemory::release(std::uint64_t address) {
  std::lock_guard lock(mutex_);
  for (auto at = reservations_.begin(); at != reservations_.end(); ++at)
    if (at->address == address) {
      for (const Entry &entry : entries_)
        if (entry.mapped && entry.region.address >= address &&
            entry.region.address - address < at->bytes)
          return absl::FailedPreconditionError("the reservation still has mapped memory");
      reservations_.erase(at);
      return absl::OkStatus();
    }
  return absl::InvalidArgumentError(
      absl::StrFormat("no reservation starts at address %#x", address));
}

absl::Status DeviceMemory::map(std::uint64_t address, std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  bool inside = false;
  for (const Reservation &r : reservations_)
    inside |= address >= r.address && bytes <= r.bytes && address - r.address <= r.bytes - bytes;
  if (!inside || bytes == 0)
    return absl::InvalidArgumentError("the range lies in no reservation");
  for (const Entry &entry : entries_)
    if (address < entry.region.address + entry.region.bytes &&
        entry.region.address < address + bytes)
      return absl::InvalidArgumentError("part of the range is mapped already");
  auto entry = makeEntry(address, bytes, false);
  if (!entry.ok())
    return entry.status();
  entry->mapped = true;
  insert(*std::move(entry));
  return absl::OkStatus();
}

absl::Status DeviceMemory::unmap(std::uint64_t address) {
  std::lock_guard lock(mutex_);
  return erase(address, true, false, "no mapped range");
}

absl::Status DeviceMemory::registerHost(void *host, std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  auto address = reinterpret_cast<std::uintptr_t>(host);
  if (host == nullptr || bytes == 0 || address + bytes < address)
    return absl::InvalidArgumentError("no host memory to register");
  for (const Entry &entry : entries_)
    if (address < entry.region.address + entry.region.bytes &&
        entry.region.address < address + bytes)
      return absl::AlreadyExistsError("part of the host memory is registered already");
  Entry entry;
  entry.host = true;
  entry.region = {address, bytes, static_cast<std::byte *>(host), nullptr, false, nextId_++};
  insert(std::move(entry));
  return absl::OkStatus();
}

absl::Status DeviceMemory::unregisterHost(void *host) {
  std::lock_guard lock(mutex_);
  return erase(reinterpret_cast<std::uintptr_t>(host), false, true, "no registered host memory");
}

const DeviceMemory::Entry *DeviceMemory::findEntry(std::uint64_t address) const {
  auto at = std::upper_bound(entries_.begin(), entries_.end(), address,
                             [](std::uint64_t a, const Entry &e) { return a < e.region.address; });
  if (at == entries_.begin())
    return nullptr;
  --at;
  return address - at->region.address < at->region.bytes ? &*at : nullptr;
}

template <typename Function>
absl::Status DeviceMemory::forEachPiece(std::uint64_t address, std::uint64_t bytes,
                                        Function fn) const {
  for (int pass = 0; pass < 2; ++pass) // first look, so that a failed call changes nothing
    for (std::uint64_t done = 0; done < bytes;) {
      const Entry *entry = findEntry(address + done);
      if (entry == nullptr)
        return absl::OutOfRangeError(
            absl::StrFormat("device address %#x (byte %d of %d) lies in no allocation",
                            address + done, done, bytes));
      std::uint64_t start = address + done - entry->region.address;
      std::uint64_t piece = std::min(bytes - done, entry->region.bytes - start);
      if (pass == 1)
        fn(entry->region, start, done, piece);
      done += piece;
    }
  return absl::OkStatus();
}

absl::Status DeviceMemory::read(std::uint64_t address, std::span<std::byte> out) const {
  std::lock_guard lock(mutex_);
  return forEachPiece(
      address, out.size(),
      [&](const MemoryRegion &r, std::uint64_t start, std::uint64_t done, std::uint64_t n) {
        std::memcpy(out.data() + done, r.data + start, n);
        if (r.initialised != nullptr)
          for (std::uint64_t i = 0; i < n; ++i)
            if (!r.initialised[start + i])
              out[done + i] = kFresh;
      });
}

absl::Status DeviceMemory::write(std::uint64_t address, std::span<const std::byte> data) {
  std::lock_guard lock(mutex_);
  return forEachPiece(
      address, data.size(),
      [&](const MemoryRegion &r, std::uint64_t start, std::uint64_t done, std::uint64_t n) {
        std::memcpy(r.data + start, data.data() + done, n);
        if (r.initialised != nullptr)
          std::memset(r.initialised + start, 1, n);
      });
}

absl::Status DeviceMemory::fill(std::uint64_t address, std::byte value, std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  return forEachPiece(
      address, bytes,
      [&](const MemoryRegion &r, std::uint64_t start, std::uint64_t, std::uint64_t n) {
        std::memset(r.data + start, static_cast<int>(value), n);
        if (r.initialised != nullptr)
          std::memset(r.initialised + start, 1, n);
      });
}

absl::Status DeviceMemory::copy(std::uint64_t to, std::uint64_t from, std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  std::vector<std::byte> data;
  std::vector<std::uint8_t> known;
  absl::Status status = forEachPiece(
      from, bytes, [&](const MemoryRegion &r, std::uint64_t start, std::uint64_t, std::uint64_t n) {
        data.insert(data.end(), r.data + start, r.data + start + n);
        if (r.initialised != nullptr)
          known.insert(known.end(), r.initialised + start, r.initialised + start + n);
        else
          known.insert(known.end(), n, 1);
      });
  if (!status.ok())
    return status;
  return forEachPiece(
      to, bytes,
      [&](const MemoryRegion &r, std::uint64_t start, std::uint64_t done, std::uint64_t n) {
        std::memcpy(r.data + start, data.data() + done, n);
        if (r.initialised != nullptr)
          std::memcpy(r.initialised + start, known.data() + done, n);
      });
}

absl::StatusOr<bool> DeviceMemory::isInitialised(std::uint64_t address, std::uint64_t bytes) const {
  std::lock_guard lock(mutex_);
  bool all = true;
  absl::Status status =
      forEachPiece(address, bytes,
                   [&](const MemoryRegion &r, std::uint64_t start, std::uint64_t, std::uint64_t n) {
                     if (r.initialised != nullptr)
                       all &= std::memchr(r.initialised + start, 0, n) == nullptr;
                   });
  if (!status.ok())
    return status;
  return all;
}

absl::StatusOr<MemoryRegion> DeviceMemory::regionOf(std::uint64_t address) const {
  std::lock_guard lock(mutex_);
  const Entry *entry = findEntry(address);
  if (entry == nullptr)
    return absl::InvalidArgumentError(
        absl::StrFormat("device address %#x lies in no allocation", address));
  return entry->region;
}

std::uint64_t DeviceMemory::allocated() const {
  std::lock_guard lock(mutex_);
  return allocated_;
}

std::shared_ptr<const DeviceMemory::Snapshot> DeviceMemory::snapshot() const {
  std::lock_guard lock(mutex_);
  if (cached_ == nullptr) {
    auto fresh = std::make_shared<Snapshot>();
    for (const Entry &entry : entries_) {
      fresh->regions_.push_back(entry.region);
      fresh->storage_.push_back(entry.storage);
    }
    cached_ = fresh;
  }
  return cached_;
}

const MemoryRegion *DeviceMemory::Snapshot::find(std::uint64_t address) const {
  auto at = std::upper_bound(regions_.begin(), regions_.end(), address,
                             [](std::uint64_t a, const MemoryRegion &r) { return a < r.address; });
  if (at == regions_.begin())
    return nullptr;
  --at;
  return address - at->address < at->bytes ? &*at : nullptr;
}

} // namespace qvlsim
