// The conversion of VOC 2012 and SBD into what training reads: SegmentationClassAug/ID.png, ImageSets/Segmentation/
// {train_aug,train,val}.txt and ImageSets/image_labels.txt. Every file is decoded once as a check.
//
// Goals in order: no partial files, and no overwriting of the user's; no unchecked files; little work when run again.
import Compute
import Datasets
import Foundation
import Images
import Support

package struct Preparation {
  /// The numbers of images in the literature.
  package static let expected = (training: 10_582, validation: 1_449)

  package let sources: PreparationSources
  /// The folder to write.
  package let output: String
  /// Omits images without a photograph from the lists, instead of reporting them as faults.
  package let skipsMissing: Bool

  /// - Parameter output: the folder to write, or nil for VOC's own.
  package init(_ sources: PreparationSources, output: String? = nil, skipsMissing: Bool = false) {
    self.sources = sources
    self.output = output ?? sources.root
    self.skipsMissing = skipsMissing
  }

  package struct Report: Sendable {
    package var diagnostics: [Diagnostic] = []
    /// The ids of the lists as written.
    package var training: [String] = []
    package var validation: [String] = []
    /// The number of images omitted because they have no photograph.
    package var skipped = 0
    package var unchanged = 0
    package var verified = 0
    package var written = 0
    package var converted = 0
    /// The number of masks in the lists by origin.
    package var origins: [PreparationSources.Origin: Int] = [:]
    package var facts: [String: ImageFacts] = [:]
    /// The number of images whose labels come from their annotation.
    package var annotated = 0

    /// Returns the statistics of a list.
    package func statistics(_ ids: [String]) -> DatasetStatistics {
      DatasetStatistics(
        ids.compactMap { facts[$0]?.counts }.map { counts in ((1...20).map { counts[$0] > 0 }, counts) },
        classNames: ClassNames.voc)
    }
  }

  /// Prepares all images and writes the lists where there is no fault. Throws where a file cannot be written.
  /// `progress` is called on the calling thread with the number of images done and the total.
  package func run(workers: WorkerPool, progress: (Int, Int) -> Void = { _, _ in }) throws -> Report {
    let folder = "\(output)/SegmentationClassAug"
    try FileBytes.makeFolder(folder)
    try FileBytes.makeFolder("\(output)/ImageSets/Segmentation")
    try linkPhotographs()
    var state = PreparationState.read(output)
    var report = Report()
    report.diagnostics += repeated()
    let (training, validation) = present(&report)
    let all = training + validation

    let masks = MaskPreparation(
      sources: sources, directory: try VOCDirectory(root: sources.root), folder: folder, state: state)
    // An interrupted run keeps its results for the next one.
    defer { try? state.write(output) }
    for start in stride(from: 0, to: all.count, by: 128) {
      let some = Array(all[start..<min(start + 128, all.count)])
      let outcomes = try workers.map(some, masks.prepare)
      for (id, outcome) in zip(some, outcomes) { add(outcome, of: id, to: &report, &state) }
      if start / 128 % 16 == 15 { try state.write(output) }
      progress(start + some.count, all.count)
    }
    let labels = try labels(of: all, &report, workers)
    report.diagnostics += expectations()
    if report.diagnostics.faults == 0 {
      try writeLists(training, validation, labels: labels, to: &report, state: &state)
    }
    try state.write(output)
    return report
  }

  private func add(
    _ outcome: MaskPreparation.Outcome, of id: String, to report: inout Report, _ state: inout PreparationState
  ) {
    report.diagnostics += outcome.diagnostics
    state.images[id] = outcome.entry
    switch outcome.work {
    case .unchanged: report.unchanged += 1
    case .verified: report.verified += 1
    case .written: report.written += 1
    case .refused: return
    }
    report.facts[id] = outcome.entry!.facts
    report.origins[sources.origin(id)!, default: 0] += 1
    if outcome.entry!.facts.converted { report.converted += 1 }
  }

  // MARK: Sources

  /// Returns both lists without the images that have no photograph, which are skipped or reported as faults.
  private func present(_ report: inout Report) -> (training: [String], validation: [String]) {
    var seen: Set<String> = []
    let validation = sources.validation.filter { seen.insert($0).inserted }
    func keep(_ ids: [String]) -> [String] {
      let there = ids.filter(sources.photographs.contains)
      if skipsMissing {
        report.skipped += ids.count - there.count
      } else {
        report.diagnostics += ids.filter { !sources.photographs.contains($0) }.map {
          Diagnostic(
            .fault, "photographs that are missing",
            "there is no \(sources.root)/JPEGImages/\($0).jpg: fetch VOC2012's photographs, or leave such images "
              + "out by --skip-missing"
          )
        }
      }
      return there
    }
    return (keep(sources.augmentedTraining), keep(validation))
  }

  /// Warns of ids that a list repeats. They are used once.
  private func repeated() -> [Diagnostic] {
    let lists =
      [("train.txt", sources.train), ("val.txt", sources.validation)]
      + (sources.mergedList.map { [($0.path, $0.ids)] } ?? [])
    return lists.compactMap { name, ids in
      var seen: Set<String> = []
      guard let first = ids.first(where: { !seen.insert($0).inserted }) else { return nil }
      return Diagnostic(
        .warning, "lists that repeat ids",
        "\(name) names \(ids.count - Set(ids).count) ids more than once, such as \(first); each is used once, so "
          + "remove the others"
      )
    }
  }

  /// Warns where the numbers of images differ from the literature, because results are not comparable then.
  private func expectations() -> [Diagnostic] {
    let found = (training: sources.augmentedTraining.count, validation: Set(sources.validation).count)
    guard found != Self.expected, sources.sbd != nil else { return [] }
    return [
      Diagnostic(
        .warning, "counts",
        "VOC and SBD give a train_aug of \(found.training) images and a val of \(found.validation); the "
          + "literature's have "
          + "\(Self.expected.training) and \(Self.expected.validation): check that both are complete before "
          + "comparing results"
      )
    ]
  }

  /// Links another output folder to VOC's photographs.
  private func linkPhotographs() throws(FileError) {
    let link = "\(output)/JPEGImages"
    guard access(link, F_OK) != 0 else { return }
    let photographs = URL(fileURLWithPath: "\(sources.root)/JPEGImages").resolvingSymlinksInPath().path
    unlink(link)
    guard symlink(photographs, link) == 0 else { throw .writing(link) }
  }

  // MARK: Labels and lists

  /// Returns the lines of the label list, from masks and, for images in no list, from annotations.
  private func labels(of ids: [String], _ report: inout Report, _ workers: WorkerPool) throws -> [String] {
    func line(_ id: String, _ labels: LabelVector) -> String {
      ([id] + zip(ClassNames.voc.dropFirst(), labels).filter(\.1).map(\.0)).joined(separator: " ")
    }
    var lines = ids.compactMap { id in
      report.facts[id].map { facts in line(id, (1...20).map { facts.pixels[$0] != nil }) }
    }
    let others = sources.annotations.subtracting(ids).intersection(sources.photographs).sorted()
    let annotations = try workers.map(others) { id in
      Result { try Annotation.read("\(sources.root)/Annotations/\(id).xml") }
    }
    for (id, annotation) in zip(others, annotations) {
      switch annotation {
      case .success(let annotation):
        lines.append(line(id, annotation.labels()))
        report.annotated += 1
      case .failure(let error): report.diagnostics.append(Diagnostic(.fault, "annotations", "\(error)"))
      }
    }
    return lines.sorted()
  }

  private func writeLists(
    _ training: [String], _ validation: [String], labels: [String], to report: inout Report,
    state: inout PreparationState
  ) throws {
    let train = sources.train.filter { sources.photographs.contains($0) || !skipsMissing }
    let lists = [("train_aug", training), ("train", train), ("val", validation)].map { name, ids in
      ("\(output)/ImageSets/Segmentation/\(name).txt", ids)
    }
    // All checks come before the first write.
    let changed = lists.filter { path, ids in
      guard let there = try? ImageList.read(path).map(\.id) else { return true }
      return there.count != ids.count || Set(there) != Set(ids)
    }
    for (path, ids) in changed where access(path, F_OK) == 0 && state.lists[path] != PreparationState.stamp(path) {
      report.diagnostics.append(
        Diagnostic(
          .fault, "other lists in the way",
          "\(path) does not name the \(ids.count) images that were found: move it away, or give another --output"))
    }
    guard report.diagnostics.faults == 0 else { return }
    // Without comments, because other tools read these lists too.
    for (path, ids) in changed {
      try AtomicFile.write(ids.map { $0 + "\n" }.joined().utf8, to: path)
      state.lists[path] = PreparationState.stamp(path)
    }
    let comments = [
      "dnet data prepare: an image and its classes on each line",
      "from the mask; without one from the annotation, difficult objects not counted",
    ]
    try ListFile.write(labels, comments: comments, to: "\(output)/\(VOCDirectory.labelList)")
    report.training = training
    report.validation = validation
  }
}
