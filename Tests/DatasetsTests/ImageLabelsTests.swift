// Tests of the image labels from masks, label lists and class lists.
import Compute
import Datasets
import Testing

@Suite struct ImageLabelsTests {
  func classes(_ labels: LabelVector) -> [Int] { labels.indices.filter { labels[$0] }.map { $0 + 1 } }

  @Test("Labels come from the mask, or else from the class lists.", arguments: [1, 2, 3])
  func masksThenClassLists(threads: Int) throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.add("masked", mask: [0, 3, 255, 1])
    try scratch.add("bare", mask: nil)
    try scratch.add("background", mask: [0, 0, 255, 255])
    try scratch.write("masked  1\nbare  1\n", to: "ImageSets/Main/bicycle_trainval.txt")
    try scratch.write("masked -1\r\nbare -1\r\n", to: "ImageSets/Main/aeroplane_train.txt")
    try scratch.write("bare  0\n", to: "ImageSets/Main/bird_val.txt")
    let voc = try VOCDirectory(root: scratch.path, classes: 4)
    let labels = try voc.imageLabels(
      ids: ["masked", "bare", "background"], workers: WorkerPool(threads: threads))
    #expect(labels.map(classes) == [[1, 3], [2], []])
    #expect(labels.allSatisfy { $0.count == 4 })
  }

  @Test("The label list has precedence over the class lists.")
  func theLabelListComesBeforeTheClassLists() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    for id in ["a", "b", "c"] { try scratch.add(id, mask: nil) }
    try scratch.write("a  1\nc  1\n", to: "ImageSets/Main/boat_trainval.txt")
    try scratch.write("# sha256 0\r\na aeroplane bird tvmonitor\r\nb", to: "ImageSets/image_labels.txt")
    let voc = try VOCDirectory(root: scratch.path, classes: 4)
    let labels = try voc.imageLabels(ids: ["a", "b", "c"], workers: WorkerPool(threads: 2))
    #expect(labels.map(classes) == [[1, 3], [], [4]])
  }

  @Test("An image without labels is an error.")
  func imagesWithoutAnyLabelsAreErrors() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    try scratch.add("a", mask: [1, 1, 1, 1])
    try scratch.add("bare", mask: nil)
    let voc = try VOCDirectory(root: scratch.path)
    #expect(throws: DatasetError.noLabels(id: "bare")) {
      try voc.imageLabels(ids: ["a", "bare"], workers: WorkerPool(threads: 2))
    }
  }

  @Test("The first error in list order is thrown, for any number of threads.")
  func theFirstErrorCounts() throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    for id in ["a", "b", "c", "d"] { try scratch.add(id, mask: [id == "b" || id == "d" ? 9 : 1, 0, 0, 0]) }
    let voc = try VOCDirectory(root: scratch.path, classes: 2)
    for threads in 1...3 {
      let error = #expect(throws: DatasetError.self) {
        try voc.imageLabels(ids: ["a", "b", "c", "d"], workers: WorkerPool(threads: threads))
      }
      #expect(try #require(error).description.contains("/b.png"))
    }
  }
}
