#include "selector/subspace_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "core/crc32.h"
#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/mapped_file.h"

namespace scalselect {
namespace {

namespace fs = std::filesystem;

/// A file: header, then for each unit its record and its values.
struct PartHeader {
  std::array<char, 16> magic{};
  std::int64_t cols = 0;
  std::int64_t width = 0;  ///< of the Gram matrices: cols, or the rows of the fit's basis
  std::int64_t centred = 0;
  std::int64_t units = 0;
  std::int64_t table_end = 0;
  std::array<char, 64> fit{};  ///< zeros: the first pass
  std::uint32_t unused = 0;
  std::uint32_t crc = 0;  ///< of the bytes before
};
struct PartRecord {
  std::int64_t number = 0, first_row = 0, rows = 0, count = 0;  ///< of its PartUnit
  std::uint32_t digest = 0;
  std::uint32_t values_crc = 0;
  std::uint32_t unused = 0;
  std::uint32_t crc = 0;  ///< of the bytes before

  PartUnit unit() const { return {number, first_row, rows, count, digest}; }
};
static_assert(sizeof(PartHeader) == 128 && sizeof(PartRecord) == 48);
static_assert(std::is_trivially_copyable_v<PartHeader> && std::is_trivially_copyable_v<PartRecord>);

constexpr std::array<char, 16> kPartMagic = {'s', 'c', 'a', 'l', 's', 'e', 'l', 'e',
                                             'c', 't', ' ', 's', 'u', 'm', 's', '2'};
constexpr std::string_view kFitMagic = "scalselect fit 2\n";

template <class T>
requires std::is_trivially_copyable_v<T> std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

/// The checksum at the end of a header or a record.
template <class T>
std::uint32_t own_crc(const T& value) {
  return crc32_of(bytes_of(value).substr(0, offsetof(T, crc)));
}

std::string_view bytes_of_all(std::span<const double> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

[[noreturn]] void refuse(const fs::path& file, const std::string& what, const std::string& remedy) {
  throw UserError(ErrorKind::kInput, fmt::format("'{}' {}.", file.string(), what), remedy);
}

[[noreturn]] void damaged(const fs::path& file) { refuse(file, "is cut short or damaged", "Make it again."); }

/// Doubles of a unit: the mean, if the sums are centred, and the lower triangle row by row.
std::int64_t values_of(const PartHeader& header) {
  return (header.centred != 0 ? header.cols : 0) + header.width * (header.width + 1) / 2;
}

std::vector<double> packed(const Moments& sums) {
  std::vector<double> values(sums.mean.begin(), sums.mean.end());
  for (Eigen::Index i = 0; i < sums.gram.rows(); ++i) {
    values.insert(values.end(), sums.gram.row(i).data(), sums.gram.row(i).data() + i + 1);
  }
  return values;
}

Moments unpacked(const PartHeader& header, std::int64_t count, const char* bytes) {
  const auto take = [&bytes](double* into, std::int64_t n) {
    std::memcpy(into, bytes, static_cast<std::size_t>(n) * sizeof(double));
    bytes += static_cast<std::size_t>(n) * sizeof(double);
  };
  Moments sums{count, Eigen::RowVectorXd(header.centred != 0 ? header.cols : 0),
               RowMajorMatrixXd::Zero(header.width, header.width)};
  take(sums.mean.data(), sums.mean.size());
  for (std::int64_t i = 0; i < header.width; ++i) take(sums.gram.row(i).data(), i + 1);
  return sums;
}

/// A file of sums, mapped: its units' values are read where they are merged.
class PartFile {
 public:
  explicit PartFile(const fs::path& file) : bytes_(file) {
    const auto all = bytes_.bytes();
    if (all.size() < sizeof header_ || all.substr(0, kPartMagic.size()) != std::string_view(kPartMagic.data(), 16)) {
      refuse(file, "is not a file of sums", "Give what `scalselect score part` wrote.");
    }
    std::memcpy(&header_, all.data(), sizeof header_);
    const auto& h = header_;
    if (h.crc != own_crc(h)) damaged(file);
    constexpr std::int64_t kMost = 1 << 20;
    if (h.cols < 1 || h.cols > kMost || h.width < 1 || h.width > kMost || h.units < 0) damaged(file);
    const auto each = sizeof(PartRecord) + static_cast<std::size_t>(values_of(h)) * sizeof(double);
    if ((all.size() - sizeof h) / each != static_cast<std::size_t>(h.units) || (all.size() - sizeof h) % each != 0) {
      damaged(file);
    }
    for (std::int64_t i = 0; i < h.units; ++i) {
      const char* const at = all.data() + sizeof h + static_cast<std::size_t>(i) * each;
      PartRecord record;
      std::memcpy(&record, at, sizeof record);
      const bool sound = record.crc == own_crc(record) && record.first_row >= 0 && record.rows > 0 &&
                         record.count >= 0 && record.count <= record.rows &&
                         (i == 0 || record.first_row >= units_.back().first_row + units_.back().rows);
      if (!sound) damaged(file);
      units_.push_back(record);
      places_.push_back(at + sizeof record);
    }
  }

  PartContents contents() const {
    const bool first = header_.fit[0] == '\0';
    PartContents contents{
        bytes_.path(), header_.cols, header_.table_end, first ? "" : std::string(header_.fit.data(), 64), {}};
    for (const auto& record : units_) contents.units.push_back(record.unit());
    return contents;
  }

  Moments sums(std::size_t index) const {
    const std::string_view values(places_[index], static_cast<std::size_t>(values_of(header_)) * sizeof(double));
    if (crc32_of(values) != units_[index].values_crc) damaged(bytes_.path());
    auto sums = unpacked(header_, units_[index].count, values.data());
    bytes_.release(values);
    return sums;
  }

 private:
  MappedFile bytes_;
  PartHeader header_;
  std::vector<PartRecord> units_;
  std::vector<const char*> places_;
};

std::string rows_text(std::int64_t first, std::int64_t count) {
  return count == 1 ? fmt::format("row {}", first) : fmt::format("rows {} to {}", first, first + count - 1);
}

/// A unit, or a part of one, in a file.
struct Place {
  std::size_t part = 0, index = 0;
  PartUnit unit;
};

std::vector<Place> in_order(std::span<const PartContents> parts, MergeRemarks& remarks) {
  std::vector<Place> places;
  for (std::size_t part = 0; part < parts.size(); ++part) {
    for (std::size_t i = 0; i < parts[part].units.size(); ++i) places.push_back({part, i, parts[part].units[i]});
  }
  std::stable_sort(places.begin(), places.end(),
                   [](const Place& a, const Place& b) { return a.unit.first_row < b.unit.first_row; });
  std::int64_t next = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const auto& [part, index, unit] = places[i];
    if (unit.first_row < next) {
      refuse(parts[part].file,
             fmt::format("has {}, which '{}' has too",
                         rows_text(unit.first_row, std::min(unit.rows, next - unit.first_row)),
                         parts[places[i - 1].part].file.string()),
             "Give each row's sums once; `first=` says where a file's rows stand in the whole table.");
    }
    if (unit.first_row > next) remarks.gaps.push_back("no file has " + rows_text(next, unit.first_row - next));
    if (i > 0 && places[i - 1].unit.number == unit.number) {
      remarks.cut_units.push_back(fmt::format("'{}' and '{}' share the block of {}",
                                              parts[places[i - 1].part].file.string(), parts[part].file.string(),
                                              rows_text(unit.number * kUnitRows, kUnitRows)));
    }
    next = unit.first_row + unit.rows;
  }
  std::int64_t end = next;
  for (const auto& part : parts) end = std::max(end, part.table_end);
  if (end > next) remarks.gaps.push_back("no file has " + rows_text(next, end - next));
  return places;
}

/// Whether a later pass has the rows of the first one.
void check_rows(std::span<const PartContents> parts, const std::vector<Place>& places,
                const std::vector<PartUnit>& wanted) {
  constexpr char kSame[] = "Give the sums of the same rows as in the first pass, in the same pieces.";
  for (std::size_t i = 0; i < std::max(places.size(), wanted.size()); ++i) {
    const bool missing = i >= places.size() || (i < wanted.size() && places[i].unit.first_row > wanted[i].first_row);
    if (missing) {
      throw UserError(ErrorKind::kInput,
                      fmt::format("No file has the sums of {}, which the first pass summed.",
                                  rows_text(wanted[i].first_row, wanted[i].rows)),
                      kSame);
    }
    const auto& unit = places[i].unit;
    const auto rows = rows_text(unit.first_row, unit.rows);
    const auto& file = parts[places[i].part].file;
    if (i >= wanted.size() || unit.first_row < wanted[i].first_row)
      refuse(file, fmt::format("has the sums of {}, which the first pass did not sum", rows), kSame);
    if (unit.rows != wanted[i].rows) {
      refuse(file,
             fmt::format("sums {} together, and the first pass {}", rows, rows_text(unit.first_row, wanted[i].rows)),
             kSame);
    }
    if (unit.digest != wanted[i].digest)
      refuse(file, fmt::format("has other vectors in {} than the first pass", rows), kSame);
  }
}

}  // namespace

PartContents write_part(const RowSource& source, std::int64_t first_number, const std::vector<Unit>& units,
                        const StoredFit& before, const fs::path& file, std::vector<std::int64_t>* excluded) {
  const auto& fit = before.fit;
  const bool centred = fit.next() == SubspaceFit::Pass::kMoments;
  const auto basis = fit.transform().basis.rows();
  PartHeader header;
  header.magic = kPartMagic;
  header.cols = source.cols();
  header.width = !centred && basis > 0 ? basis : source.cols();
  header.centred = centred ? 1 : 0;
  header.units = static_cast<std::int64_t>(units.size());
  header.table_end = first_number + source.rows();
  std::copy_n(before.digest.begin(), std::min(before.digest.size(), header.fit.size()), header.fit.begin());
  header.crc = own_crc(header);
  PartContents contents{file, header.cols, header.table_end, before.digest, {}};
  FileWriter out(file);
  out.write(bytes_of(header));
  const auto kernels = make_subspace_kernels();
  FiniteBlocks blocks(source, /*digests=*/true);
  sum_units(blocks, fit, units, *kernels, excluded, [&](const Unit& unit, const Moments& sums) {
    const auto values = packed(sums);
    PartRecord record{unit.number, first_number + unit.first, unit.count, sums.count, blocks.digest()};
    record.values_crc = crc32_of(bytes_of_all(values));
    record.crc = own_crc(record);
    out.write(bytes_of(record));
    out.write(bytes_of_all(values));
    contents.units.push_back(record.unit());
  });
  out.commit();
  return contents;
}

PartContents read_part(const fs::path& file) { return PartFile(file).contents(); }

MergeRemarks merge_parts(std::span<const PartContents> parts, StoredFit& stored, SubspaceKernels& kernels) {
  const auto cols = stored.fit.state().cols;
  const bool first = stored.digest.empty();
  for (const auto& part : parts) {
    if (part.cols != cols)
      refuse(part.file, fmt::format("has sums of {} columns, not {}", part.cols, cols), "Merge parts of one table.");
    if (part.fit == stored.digest) continue;
    refuse(part.file,
           first              ? "has the sums of a second pass"
           : part.fit.empty() ? "has the sums of the first pass"
                              : "has the sums of another fit's pass",
           first ? "Give the fit that it was made with, fit=FILE." : "Make it with `score part fit=` that fit.");
  }
  MergeRemarks remarks;
  const auto places = in_order(parts, remarks);
  if (!first) check_rows(parts, places, stored.units);
  Moments all;
  Moments unit;  // the pieces of a unit are put together first
  std::int64_t number = -1;
  std::unique_ptr<const PartFile> file;  // opened once for the units that it has in a row
  std::size_t opened = 0;
  for (const auto& place : places) {
    if (!file || place.part != opened) file = std::make_unique<const PartFile>(parts[place.part].file);
    opened = place.part;
    if (place.unit.number != number) all.merge(std::exchange(unit, {}));
    number = place.unit.number;
    unit.merge(file->sums(place.index));
    if (first) stored.units.push_back(place.unit);
  }
  all.merge(std::move(unit));
  stored.fit.take(std::move(all), kernels);
  return remarks;
}

void save_fit(const StoredFit& stored, const fs::path& file) {
  const auto& s = stored.fit.state();
  auto units = nlohmann::ordered_json::array();
  for (const auto& unit : stored.units) {
    units.push_back({unit.number, unit.first_row, unit.rows, unit.count, unit.digest});
  }
  const nlohmann::ordered_json header = {{"options", dump_options(s.options)},
                                         {"cols", s.cols},
                                         {"next", static_cast<int>(s.next)},
                                         {"count", s.count},
                                         {"rank", s.rank},
                                         {"refined", s.refined},
                                         {"l2", s.transform.l2},
                                         {"energies", s.energy.size()},
                                         {"basis", s.transform.basis.rows()},
                                         {"vectors", s.vectors.rows()},
                                         {"units", std::move(units)}};
  std::string bytes = std::string(kFitMagic) + header.dump() + "\n";
  for (const auto* vector : {&s.transform.mean, &s.transform.scale, &s.mean})
    bytes += bytes_of_all(std::span(vector->data(), vector->size()));
  bytes += bytes_of_all(std::span(s.energy.data(), s.energy.size()));
  for (const auto* matrix : {&s.transform.basis, &s.vectors})
    bytes += bytes_of_all(std::span(matrix->data(), matrix->size()));
  const auto crc = crc32_of(bytes);
  write_file_atomically(file, bytes + std::string(bytes_of(crc)));
}

StoredFit load_fit(const fs::path& file) {
  const MappedFile mapping(file);
  const auto all = mapping.bytes();
  if (!all.starts_with(kFitMagic)) refuse(file, "is not a fit", "Give what `scalselect score merge` wrote.");
  std::uint32_t crc = 0;
  if (all.size() < kFitMagic.size() + sizeof crc) damaged(file);
  std::memcpy(&crc, all.data() + all.size() - sizeof crc, sizeof crc);
  if (crc != crc32_of(all.substr(0, all.size() - sizeof crc))) damaged(file);
  const auto end = all.find('\n', kFitMagic.size());
  if (end == all.npos) damaged(file);
  const auto header = nlohmann::json::parse(all.substr(kFitMagic.size(), end - kFitMagic.size()), nullptr, false);
  if (!header.is_object()) damaged(file);
  SubspaceFit::State s;
  const char* at = all.data() + end + 1;
  const auto take = [&](double* into, std::int64_t count) {
    const auto bytes = static_cast<std::size_t>(count) * sizeof(double);
    if (bytes > static_cast<std::size_t>(all.data() + all.size() - sizeof crc - at)) damaged(file);
    if (bytes > 0) std::memcpy(into, at, bytes);
    at += bytes;
  };
  s.options = bind_options<SubspaceOptions>(header.at("options"));
  s.cols = header.at("cols");
  s.next = static_cast<SubspaceFit::Pass>(header.at("next").get<int>());
  s.count = header.at("count");
  s.rank = header.at("rank");
  s.refined = header.at("refined");
  s.transform.l2 = header.at("l2");
  for (auto* vector : {&s.transform.mean, &s.transform.scale, &s.mean}) {
    vector->resize(s.cols);
    take(vector->data(), s.cols);
  }
  s.energy.resize(header.at("energies").get<std::int64_t>());
  take(s.energy.data(), s.energy.size());
  s.transform.basis.resize(header.at("basis").get<std::int64_t>(), s.cols);
  take(s.transform.basis.data(), s.transform.basis.size());
  s.vectors.resize(header.at("vectors").get<std::int64_t>(), s.cols);
  take(s.vectors.data(), s.vectors.size());
  StoredFit stored{SubspaceFit(std::move(s)), {}, sha256(all)};
  for (const auto& u : header.at("units")) {
    stored.units.push_back({u.at(0), u.at(1), u.at(2), u.at(3), u.at(4)});
  }
  return stored;
}

}  // namespace scalselect
