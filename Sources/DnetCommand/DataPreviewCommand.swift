// The command `dnet data preview`, which draws contact sheets of a dataset.
import ArgumentParser
import Compute
import Datasets
import Foundation
import Images
import Proposals
import Randomness
import Support
import Training

struct DataPreviewCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "preview",
    abstract: "Draws contact sheets of a dataset: images with masks, proposals, and crops as the network gets them.")

  @OptionGroup var choice: ImageChoice

  @Option(help: "The number of images, chosen by --seed.")
  var images: Int = 6

  @Option(help: "The seed of the choice of images.")
  var seed: UInt64 = 1

  @Option(
    help:
      "The source of boxes besides random sampling: edgeboxes, random (none), or a folder with ID.txt per image."
  )
  var proposals: String = "edgeboxes"

  @Option(help: "A crop list to show, in place of the crops that would be generated.")
  var crops: String?

  @Option(help: "The folder for masks.png, proposals.png and crops.png.")
  var output: String = "preview"

  func validate() throws {
    guard images >= 1 else { throw ValidationError("--images \(images) is not at least 1") }
    guard ProposalChoice(named: proposals) != nil else {
      throw ValidationError("--proposals \(proposals) is not \(ProposalChoice.names)")
    }
  }

  func run() throws {
    do { try draw() } catch {
      say("dnet data preview: \(error)")
      throw ExitCode(1)
    }
  }

  private func draw() throws {
    let chosen = try choice.choose(workers: WorkerPool(threads: AvailableCores.count))
    let named =
      crops ?? chosen.configuration.flatMap { ["random", "edgeboxes"].contains($0.proposals) ? nil : $0.proposals }
    let list = try named.map { try CropListProvider.list($0, chosen.store) }
    let listed = list.map { Set($0.ids) }
    let possible = chosen.images.indices.filter {
      chosen.labels[$0].contains(true) && listed?.contains(chosen.images[$0].id) ?? true
    }
    var random = CounterRandom(seed: seed, .preview)
    let some = random.permutation(possible.count).prefix(images).map { chosen.images[possible[$0]] }
    let sheets = PreviewSheets(
      chosen.store,
      cropping: CombinatorialCropping(
        perCombination: chosen.configuration?.cropsPerCombination ?? 200, seed: chosen.configuration?.seed ?? 1),
      source: ProposalChoice(named: proposals)!.source)
    try FileBytes.makeFolder(output)
    for (name, sheet) in [
      ("masks", try sheets.masks(some)), ("proposals", try sheets.proposals(some)),
      ("crops", try sheets.crops(some, list: list)),
    ] {
      guard let sheet else { continue }
      try sheet.write(to: "\(output)/\(name).png")
      print("\(output)/\(name).png")
    }
  }
}
