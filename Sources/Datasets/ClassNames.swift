// The class names of PASCAL VOC.

package enum ClassNames {
  /// The name of each mask index: 0 is the background, 1...20 are the classes in VOC's (alphabetical) order.
  package static let voc = [
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
  ]
}
