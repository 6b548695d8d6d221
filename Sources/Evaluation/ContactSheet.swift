// A contact sheet: images side by side in one image, for the visual inspection of a model. Each example is a row of
// three panels, photograph, truth and prediction, each with a caption.
import Images

/// A grid of panels of equal size, each with a line of text under it.
package struct ContactSheet: Sendable {
  package struct Panel: Sendable {
    package let image: RGBImage
    package let caption: String

    package init(_ image: RGBImage, caption: String) {
      self.image = image
      self.caption = caption
    }
  }

  package let columns: Int
  /// The side of the square into which each image is fitted, in pixels.
  package let side: Int
  package private(set) var panels: [Panel] = []

  /// The space between panels and around text, in pixels.
  private static let margin = 6
  private static let paper = Color(255, 255, 255)
  private static let ink = Color(32, 32, 32)

  package init(columns: Int = 3, side: Int = 240) {
    precondition(columns > 0 && side > 0, "a sheet of \(columns) columns of \(side) pixels")
    self.columns = columns
    self.side = side
  }

  /// Appends a panel to the current row, or begins the next one.
  package mutating func add(_ panel: Panel) { panels.append(panel) }

  /// Appends a row of photograph, truth and prediction to a sheet of three columns. Masks are in VOC's colours; the
  /// captions are the id and the names of the classes in each mask.
  ///
  /// - Parameter truth: nil where the image has no mask; its panel is then blank.
  package mutating func add(
    id: String, photograph: RGBImage, truth: IndexImage?, prediction: IndexImage, classNames: [String]
  ) {
    precondition(columns == 3, "examples are rows of 3 panels, and this sheet has \(columns) columns")
    let blank = RGBImage(width: photograph.width, height: photograph.height, color: Self.paper)
    add(Panel(photograph, caption: id))
    add(
      truth.map { Panel($0.colored, caption: "truth: " + Self.names(in: $0, classNames)) }
        ?? Panel(blank, caption: "no mask"))
    add(Panel(prediction.colored, caption: "predicted: " + Self.names(in: prediction, classNames)))
  }

  /// Draws the sheet. A caption that is too long for its panel is truncated.
  package func image() -> RGBImage {
    let rows = max((panels.count + columns - 1) / columns, 1)
    let cellWidth = side + Self.margin
    let cellHeight = side + RGBImage.captionHeight() + 3 * Self.margin
    var sheet = RGBImage(
      width: columns * cellWidth + Self.margin, height: rows * cellHeight + Self.margin, color: Self.paper)
    for (number, panel) in panels.enumerated() {
      let left = Self.margin + number % columns * cellWidth
      let top = Self.margin + number / columns * cellHeight
      let scaled = fitted(panel.image)
      sheet.paste(scaled, x: left + (side - scaled.width) / 2, y: top + (side - scaled.height) / 2)
      var caption = panel.caption
      while RGBImage.captionWidth(caption) > side && !caption.isEmpty { caption.removeLast() }
      sheet.drawCaption(caption, x: left, y: top + side + Self.margin, color: Self.ink, ground: nil)
    }
    return sheet
  }

  package func write(to file: String) throws { try PNG.write(image(), to: file) }

  /// Scales the image to the side of a panel, preserving its aspect ratio. Nearest-neighbour sampling keeps the colours
  /// of masks.
  private func fitted(_ image: RGBImage) -> RGBImage {
    let longer = max(image.width, image.height)
    let width = max(image.width * side / longer, 1)
    let height = max(image.height * side / longer, 1)
    var fitted = RGBImage(width: width, height: height)
    for y in 0..<height {
      for x in 0..<width { fitted[x, y] = image[x * image.width / width, y * image.height / height] }
    }
    return fitted
  }

  private static func names(in mask: IndexImage, _ classNames: [String]) -> String {
    let counts = mask.counts
    let present = (1..<classNames.count).filter { counts[$0] > 0 }
    return present.isEmpty ? "background" : present.map { classNames[$0] }.joined(separator: ", ")
  }
}
