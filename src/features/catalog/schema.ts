import { Type } from 'typebox';

const id = Type.String({ format: 'uuid', examples: ['0193a5b2-7c1e-7a44-9d3e-5f1b2c3d4e5f'] });

export const CategoryShape = Type.Object({
  id,
  name: Type.String({ examples: ['Cycling'] }),
  description: Type.String({ examples: ['Bikes, parts and clothing'] }),
  created_by: Type.Integer({ examples: [7] }),
});

export const ProductShape = Type.Object({
  id,
  name: Type.String({ examples: ['Steel bell'] }),
  description: Type.String({ examples: ['A loud bell for city bikes.'] }),
  price: Type.Number({ examples: [19.99], description: 'major units' }),
  stock: Type.Integer({ examples: [40] }),
  category: CategoryShape,
});
