"""What verification measures with a kernel: covariances of flats and moments of spots, before and after."""
