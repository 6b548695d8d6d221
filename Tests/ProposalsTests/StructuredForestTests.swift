// Tests of a generated forest against OpenCV's StructuredEdgeDetection with the same file (Golden/make.py), and of
// damaged files.
import Foundation
import Images
import Proposals
import Support
import Testing

@Suite struct StructuredForestTests {
  @Test("The edges equal OpenCV's.")
  func equalsOpenCV() throws {
    let forest = try StructuredForest(file: DrawnEdges.golden("forest.yml.gz"))
    let image = try Photograph.decode(file: DrawnEdges.golden("forest.png"))
    let expected = try DrawnEdges.decoded([Float].self, "forest-votes.json")
    let votes = forest.votes(of: image)
    #expect(votes.count == expected.count)
    let differences = zip(votes, expected).map { abs($0 - $1) }
    #expect(expected.max()! > 0.2)
    #expect(
      differences.max()! < 1e-4,
      "largest difference \(differences.max()!), mean \(differences.reduce(0, +) / Float(votes.count))")
  }

  @Test("Images of every size are accepted.", arguments: [(1, 1), (3, 40), (15, 15), (16, 16), (17, 33), (61, 47)])
  func everySizeHasEdgesOrNone(width: Int, height: Int) throws {
    let forest = try StructuredForest(file: DrawnEdges.golden("forest.yml.gz"))
    let edges = forest.edges(of: DrawnEdges.image(width: width, height: height, seed: 3))
    #expect(edges.width == width && edges.height == height)
    #expect(edges.magnitude.allSatisfy { $0 >= 0 && $0 <= 1 })
    #expect(edges.orientation.allSatisfy { $0 >= 0 && $0 < .pi })
  }

  /// One tree of a root and two leaves.
  func text(
    childs: String = "[ 2, 0, 0 ]", ids: String = "[ 5, 0, 0 ]", bounds: String = "[ 0, 0, 0, 2 ]",
    bins: String = "[ 7, 300 ]", patch: Int = 32, end: String = ""
  ) -> String {
    """
    %YAML:1.0
    ---
    options:
        stride: 2
        shrinkNumber: 2
        patchSize: \(patch)
        patchInnerSize: 16
        numberOfGradientOrientations: 4
        gradientSmoothingRadius: 0
        regFeatureSmoothingRadius: 2
        ssFeatureSmoothingRadius: 8
        gradientNormalizationRadius: 4
        selfsimilarityGridSize: 5
        numberOfTrees: 1
        numberOfTreesToEvaluate: 1
    childs:
       - \(childs)
    featureIds:
       - \(ids)
    thresholds:
       - [ 1.5e-01, 0., -.5 ]
    edgeBoundaries:
       - \(bounds)
    edgeBins:
       - \(bins)\(end)
    """
  }

  @Test("A model is read with any line ends, compressed or not.")
  func textIsReadWithAnyLineEndsAndWithoutCompression() throws {
    let folder = ScratchFolder()
    folder.write(text(), "model.yml")
    folder.write(text().replacing("\n", with: "\r\n"), "windows.yml")
    let image = DrawnEdges.image(width: 50, height: 40, seed: 1)
    let votes = try StructuredForest(file: "\(folder.path)/model.yml").votes(of: image)
    #expect(votes.contains { $0 > 0 })
    #expect(try StructuredForest(file: "\(folder.path)/windows.yml").votes(of: image) == votes)
    #expect(try StructuredForest(text: text(childs: "[ 2, 0,\n      0 ]"), file: "x").votes(of: image) == votes)
  }

  @Test("The faults of a model are named.")
  func faultsAreNamed() throws {
    func fault(_ text: String) -> String {
      do {
        _ = try StructuredForest(text: text, file: "model.yml")
        return "none"
      } catch { return error.description }
    }
    #expect(fault(text()) == "none")
    #expect(fault(text(childs: "[ 3, 0, 0 ]")).contains("leads to node 3"))
    #expect(fault(text(childs: "[ 1, 0, 0 ]")).contains("leads to node 1"))
    #expect(fault(text(childs: "[ 2, 0, 0, 0 ]")).contains("3 featureIds"))
    #expect(fault(text(ids: "[ 99999, 0, 0 ]")).contains("feature 99999"))
    #expect(fault(text(bounds: "[ 0, 0, 0, 3 ]")).contains("0..<3 of 2"))
    #expect(fault(text(bins: "[ 7, 3328 ]")).contains("3328"))
    #expect(fault(text(patch: 31)).contains("patchSize 31"))
    #expect(fault(text(childs: "[ 2, zero, 0 ]")).contains("line 17"))
    #expect(fault(text(childs: "[ 2, 1x, 0 ]")).contains("\"1x\" is not a number"))
    #expect(fault(text(bins: "[ 7, 300")).contains("cut short"))
    #expect(fault(text().replacing("stride: 2", with: "")).contains("stride is missing"))
    #expect(fault("").contains("missing"))
    #expect(fault("P5 2 2 255").contains("line 1"))
    #expect(fault(text(end: "\nchilds:\n   - [ 0 ]")).contains("second time"))
  }

  @Test("Damaged model files are refused.")
  func damagedFilesAreRefused() throws {
    let whole = try FileBytes.read(DrawnEdges.golden("forest.yml.gz"))
    let folder = ScratchFolder()
    folder.write(Array(whole.prefix(whole.count / 2)), "short.yml.gz")
    var flipped = whole
    flipped[whole.count / 2] ^= 0x10
    folder.write(flipped, "flipped.yml.gz")
    for name in ["short.yml.gz", "flipped.yml.gz", "absent.yml.gz"] {
      #expect(throws: ProposalError.self, "\(name)") { try StructuredForest(file: "\(folder.path)/\(name)") }
    }
  }
}
