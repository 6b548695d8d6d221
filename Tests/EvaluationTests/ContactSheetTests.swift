// Tests of contact sheets of photographs and masks.
import Evaluation
import Images
import Testing

@Suite struct ContactSheetTests {
  let names = ["background", "aeroplane", "bicycle"]
  let paper = Color(255, 255, 255)

  /// The colours of a region.
  func colors(_ image: RGBImage, x: Range<Int>, y: Range<Int>) -> Set<Color> {
    Set(y.flatMap { y in x.map { image[$0, y] } })
  }

  @Test("A row shows the photograph, the truth and the prediction.")
  func aRowShowsPhotographTruthAndPrediction() {
    var sheet = ContactSheet(side: 40)
    var truth = IndexImage(width: 20, height: 20)
    for x in 10..<20 { for y in 0..<20 { truth[x, y] = 1 } }
    let red = Color(200, 10, 10)
    sheet.add(
      id: "a", photograph: RGBImage(width: 20, height: 20, color: red), truth: truth,
      prediction: IndexImage(width: 20, height: 20, index: 2), classNames: names)
    #expect(sheet.panels.map(\.caption) == ["a", "truth: aeroplane", "predicted: bicycle"])
    let image = sheet.image()
    #expect(image.width == 3 * 46 + 6)
    #expect(colors(image, x: 6..<46, y: 6..<46) == [red])
    #expect(colors(image, x: 52..<72, y: 6..<46) == [VOCPalette.color(0)], "left half of the truth")
    #expect(colors(image, x: 72..<92, y: 6..<46) == [VOCPalette.color(1)], "right half of the truth")
    #expect(colors(image, x: 98..<138, y: 6..<46) == [VOCPalette.color(2)])
    #expect(colors(image, x: 0..<6, y: 0..<image.height) == [paper], "nothing reaches into the margin")
    #expect(colors(image, x: 6..<46, y: 46..<image.height).count == 2, "the caption is in ink on paper")
  }

  @Test("Wide and tall images keep their shape and stand in the middle of their panel.")
  func imagesKeepTheirShape() {
    var sheet = ContactSheet(columns: 2, side: 30)
    let blue = Color(0, 0, 250)
    sheet.add(.init(RGBImage(width: 60, height: 20, color: blue), caption: ""))
    sheet.add(.init(RGBImage(width: 5, height: 15, color: blue), caption: ""))
    sheet.add(.init(RGBImage(width: 1, height: 400, color: blue), caption: ""))
    let image = sheet.image()
    #expect(colors(image, x: 6..<36, y: 16..<26) == [blue])
    #expect(colors(image, x: 6..<36, y: 6..<16) == [paper] && colors(image, x: 6..<36, y: 26..<36) == [paper])
    #expect(colors(image, x: 52..<62, y: 6..<36) == [blue])
    #expect(image.pixels.count { $0 == 250 } == 30 * 10 + 10 * 30 + 1 * 30)
  }

  @Test("Captions are clipped to their panel.")
  func captionsNeverLeaveTheirPanel() {
    var sheet = ContactSheet(columns: 1, side: 50)
    sheet.add(.init(RGBImage(width: 50, height: 50), caption: String(repeating: "W", count: 200)))
    let image = sheet.image()
    #expect(colors(image, x: 56..<image.width, y: 0..<image.height) == [paper])
    #expect(colors(image, x: 6..<56, y: 56..<image.height).count == 2)
  }

  @Test("A missing mask has a caption, and an empty sheet is white.")
  func anImageWithoutMaskAndAnEmptySheet() {
    var sheet = ContactSheet(side: 20)
    #expect(Set(sheet.image().pixels) == [255])
    sheet.add(
      id: "b", photograph: RGBImage(width: 9, height: 7), truth: nil,
      prediction: IndexImage(width: 9, height: 7), classNames: names)
    #expect(sheet.panels.map(\.caption) == ["b", "no mask", "predicted: background"])
    #expect(colors(sheet.image(), x: 32..<52, y: 6..<26) == [paper])
  }
}
