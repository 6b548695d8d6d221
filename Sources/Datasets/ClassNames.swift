// The names of PASCAL VOC's classes.

package enum ClassNames {
  /// Index in the masks -> name: 0 is background, 1...20 VOC's classes in VOC's (alphabetical) order.
  package static let voc = [
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
  ]
}
