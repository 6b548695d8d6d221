// Tests of random boxes, which enclose the foreground, lie inside the image, and are a function of the stream.
import Proposals
import Randomness
import Testing

@Suite struct BoxTests {
  @Test("Both corners belong to a box.")
  func bothEndsAreInside() {
    let box = Box(x1: -2, y1: 3, x2: 4, y2: 3)
    #expect(box.width == 7 && box.height == 1)
    #expect(Box(width: 5, height: 4) == Box(x1: 0, y1: 0, x2: 4, y2: 3))
  }

  @Test("A box encloses one with the same edges.")
  func enclosingIncludesTheEdges() {
    let box = Box(x1: 1, y1: 1, x2: 4, y2: 5)
    #expect(box.encloses(box))
    #expect(box.encloses(Box(x1: 2, y1: 2, x2: 3, y2: 3)))
    for other in [
      Box(x1: 0, y1: 1, x2: 4, y2: 5), Box(x1: 1, y1: 0, x2: 4, y2: 5), Box(x1: 1, y1: 1, x2: 5, y2: 5),
      Box(x1: 1, y1: 1, x2: 4, y2: 6),
    ] {
      #expect(!box.encloses(other) && other.encloses(box))
    }
  }
}

@Suite struct RandomCropTests {
  @Test(
    "Every box between foreground and image is drawn.",
    arguments: [
      (Box(x1: 2, y1: 1, x2: 4, y2: 3), 7, 6), (Box(x1: 0, y1: 0, x2: 0, y2: 0), 3, 4),
      (Box(x1: 4, y1: 5, x2: 4, y2: 5), 5, 6),
      (Box(x1: 0, y1: 2, x2: 8, y2: 2), 9, 3), (Box(width: 1, height: 1), 1, 1),
    ])
  func everyBoxBetweenForegroundAndImageIsDrawn(foreground: Box, width: Int, height: Int) {
    let whole = Box(width: width, height: height)
    var seen: [String: Int] = [:]
    let draws = 40_000
    for slot in 0..<draws {
      var random = CounterRandom(seed: 9, UInt64(slot))
      let box = RandomCrop.box(enclosing: foreground, width: width, height: height, random: &random)
      #expect(box.encloses(foreground) && whole.encloses(box))
      seen["\(box)", default: 0] += 1
    }
    let possible = (foreground.x1 + 1) * (foreground.y1 + 1) * (width - foreground.x2) * (height - foreground.y2)
    #expect(seen.count == possible)
    // Each box is equally likely: within six standard deviations of its share.
    let mean = Double(draws) / Double(possible)
    for (box, count) in seen {
      #expect(abs(Double(count) - mean) <= 6 * mean.squareRoot(), "\(box): \(count) of \(mean)")
    }
  }

  @Test("The box is a function of the random stream.")
  func theStreamDecides() {
    func boxes(_ seed: UInt64) -> [Box] {
      var random = CounterRandom(seed: seed, 1)
      return (0..<50).map { _ in
        RandomCrop.box(enclosing: Box(x1: 50, y1: 60, x2: 70, y2: 65), width: 200, height: 150, random: &random)
      }
    }
    #expect(boxes(1) == boxes(1))
    #expect(boxes(1) != boxes(2))
    #expect(Set(boxes(1).map { "\($0)" }).count > 40)
  }
}
