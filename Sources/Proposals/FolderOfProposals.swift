// The proposal source that reads the boxes of another tool: a text file ID.txt per image, with a line x1 y1 x2 y2 and
// optionally a score for each box.
import Foundation
import Images
import Support

package struct FolderOfProposals: ProposalSource {
  /// The coordinate convention of the files.
  package struct Convention: Sendable, Equatable {
    /// The number of the first column and row: 0, or 1 as in MATLAB.
    package var firstPixel: Int
    /// True if x2 and y2 are the last pixels inside, false if they are the first outside.
    package var endsInside: Bool

    package init(firstPixel: Int = 0, endsInside: Bool = true) {
      precondition(firstPixel == 0 || firstPixel == 1, "pixels are counted from 0 or 1, not from \(firstPixel)")
      self.firstPixel = firstPixel
      self.endsInside = endsInside
    }
  }

  package let folder: String
  package let convention: Convention

  package init(folder: String, convention: Convention = Convention()) {
    self.folder = folder
    self.convention = convention
  }

  /// Returns the boxes of ID.txt, clipped to the image: by descending score where every line has one (ties in file
  /// order), in file order where none has. Blank lines, lines that begin with # and CRLF line ends are accepted;
  /// fractions are rounded. A file may have no boxes.
  ///
  /// Throws `noBoxes` where the file cannot be read, and `badBox` for a line that is not a box, a box without a pixel
  /// in the image, and a file with scores on some lines only.
  package func proposals(for image: RGBImage, id: String) throws -> [ScoredBox] {
    let file = "\(folder)/\(id).txt"
    let bytes: [UInt8]
    do { bytes = try FileBytes.read(file) } catch {
      throw ProposalError.noBoxes(id: id, file: file, reason: error.reason)
    }
    var boxes: [ScoredBox] = []
    var scored: Bool?
    let lines = String(decoding: bytes, as: UTF8.self).split(
      omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (number, line) in lines.enumerated() {
      let fields = line.split(whereSeparator: { $0.isWhitespace || $0 == "\u{FEFF}" })
      guard let first = fields.first, !first.hasPrefix("#") else { continue }
      func refuse(_ reason: String) -> ProposalError {
        .badBox(file: file, line: number + 1, text: String(line.prefix(80)), reason: reason)
      }
      guard fields.count == 4 || fields.count == 5 else { throw refuse("has \(fields.count) fields") }
      let numbers = fields.compactMap { Double($0) }
      guard numbers.count == fields.count, numbers.allSatisfy(\.isFinite) else {
        throw refuse("has a field that is not a number")
      }
      guard numbers[0..<4].allSatisfy({ $0.magnitude < 1e9 }) else { throw refuse("lies far outside any image") }
      guard scored == nil || scored == (fields.count == 5) else {
        throw refuse(
          scored! ? "has no score, but the lines before have one" : "has a score, but the lines before have none")
      }
      scored = fields.count == 5
      let ends = convention.endsInside ? 0 : 1
      let (x1, y1, x2, y2) = (
        Int(numbers[0].rounded()) - convention.firstPixel, Int(numbers[1].rounded()) - convention.firstPixel,
        Int(numbers[2].rounded()) - convention.firstPixel - ends,
        Int(numbers[3].rounded()) - convention.firstPixel - ends
      )
      guard x1 <= x2 && y1 <= y2 else {
        throw refuse(
          "has no pixel (pixels counted from \(convention.firstPixel), ends "
            + "\(convention.endsInside ? "inside" : "outside"))"
        )
      }
      guard x1 < image.width && y1 < image.height && x2 >= 0 && y2 >= 0 else {
        throw refuse("lies outside the image of \(image.width) x \(image.height) pixels")
      }
      let box = Box(x1: max(0, x1), y1: max(0, y1), x2: min(image.width - 1, x2), y2: min(image.height - 1, y2))
      boxes.append(ScoredBox(box, score: numbers.count == 5 ? Float(numbers[4]) : -Float(boxes.count)))
    }
    let order = boxes.indices.sorted {
      boxes[$0].score != boxes[$1].score ? boxes[$0].score > boxes[$1].score : $0 < $1
    }
    return order.map { boxes[$0] }
  }
}
