"""How networks are trained. Imports with torch and numpy alone; files of images are read with pyarrow and pillow."""
