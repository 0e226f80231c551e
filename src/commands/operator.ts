import { accountCommand } from './account.ts';

export const operator = accountCommand({
  role: 'operator',
  may: 'An operator may edit and delete what any seller made, and move any order.',
});
